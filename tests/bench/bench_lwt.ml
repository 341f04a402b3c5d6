(* bench_lwt.ml - the rows of bench-lwt for OCaml's Lwt, the same work.
   SPDX-License-Identifier: ISC

     bench-ocaml NAME [N]    run the row NAME with N operations
     bench-ocaml --list      the rows: name, operations

   What each row is, and the output line: see bench-lwt.c. *)

open Lwt.Infix

(* ---- Measuring ---- *)

let status field =
  let len = String.length field in
  let input = open_in "/proc/self/status" in
  let rec find () =
    let line = input_line input in
    if String.length line > len && String.sub line 0 len = field then
      Scanf.sscanf (String.sub line len (String.length line - len)) " %d" Fun.id
    else find ()
  in
  Fun.protect ~finally:(fun () -> close_in input) find

let base_kb = ref 0
let peak_kb = ref 0
let start = ref 0.
let secs = ref 0.
let total = ref 0

let measure_begin () =
  base_kb := status "VmRSS:";
  start := Unix.gettimeofday ()

let measure_end n =
  secs := Unix.gettimeofday () -. !start;
  peak_kb := status "VmHWM:";
  total := n

let check ok what = if not ok then failwith what

let take p =
  match Lwt.state p with
  | Lwt.Return v -> v
  | _ -> failwith "a promise is not fulfilled"

let is_canceled p =
  match Lwt.state p with Lwt.Fail Lwt.Canceled -> true | _ -> false

let drive p =
  while Lwt.is_sleeping p do
    Lwt.wakeup_paused ()
  done;
  take p

(* n operations as `times` groups of at most `width`. *)
let groups n width =
  let width = min n width in
  let times = n / width in
  (width, times, width * times)

(* ---- a: what is settled already ---- *)

let succ x = Lwt.return (x + 1)
let triangle n = n * (n + 1) / 2

let a1 n =
  let sum = ref 0 in
  measure_begin ();
  for i = 0 to n - 1 do
    sum := !sum + take (Lwt.return i >>= succ)
  done;
  measure_end n;
  check (!sum = triangle n) "a1"

let a2 n =
  let rec loop i =
    if i = n then Lwt.return i else Lwt.return (i + 1) >>= fun i -> loop i
  in
  measure_begin ();
  let last = take (loop 0) in
  measure_end n;
  check (last = n) "a2"

let a3 n =
  let sum = ref 0 in
  measure_begin ();
  for i = 0 to n - 1 do
    sum := !sum + take (Lwt.map (fun x -> x + 1) (Lwt.return i))
  done;
  measure_end n;
  check (!sum = triangle n) "a3"

let a4 n =
  let sum = ref 0 in
  measure_begin ();
  for _ = 1 to n do
    sum :=
      !sum + take (Lwt.catch (fun () -> Lwt.fail Exit) (fun _ -> Lwt.return 1))
  done;
  measure_end n;
  check (!sum = n) "a4"

(* ---- b: what is pending first ---- *)

let b1 n =
  let sum = ref 0 in
  measure_begin ();
  for i = 0 to n - 1 do
    let t, u = Lwt.wait () in
    let p = t >>= succ in
    Lwt.wakeup u i;
    sum := !sum + take p
  done;
  measure_end n;
  check (!sum = triangle n) "b1"

let b2 n =
  let sum = ref 0 in
  measure_begin ();
  for i = 0 to n - 1 do
    let t, u = Lwt.task () in
    let p = t >>= succ in
    Lwt.wakeup_later u i;
    sum := !sum + take p
  done;
  measure_end n;
  check (!sum = triangle n) "b2"

let lines n length =
  let width, times, n = groups n length in
  let sum = ref 0 in
  measure_begin ();
  for _ = 1 to times do
    let t, u = Lwt.wait () in
    let p = ref t in
    for _ = 1 to width do
      p := !p >>= succ
    done;
    Lwt.wakeup u 0;
    sum := !sum + take !p
  done;
  measure_end n;
  check (!sum = n) "a line of binds"

let b3 n = lines n 10
let m1 n = lines n 40000

let b4 n =
  let sum = ref 0 in
  measure_begin ();
  for _ = 1 to n do
    let t1, u1 = Lwt.wait () in
    let t2, u2 = Lwt.wait () in
    let p = t1 >>= fun () -> t2 in
    Lwt.wakeup u1 ();
    Lwt.wakeup u2 1;
    sum := !sum + take p
  done;
  measure_end n;
  check (!sum = n) "b4"

let b5 n =
  let sum = ref 0 in
  measure_begin ();
  for _ = 1 to n do
    let t, u = Lwt.wait () in
    Lwt.wakeup u 1;
    sum := !sum + take t
  done;
  measure_end n;
  check (!sum = n) "b5"

let b6 n =
  let width, times, n = groups n 1000 in
  let sum = ref 0 in
  measure_begin ();
  for _ = 1 to times do
    let t, u = Lwt.wait () in
    for _ = 1 to width do
      Lwt.on_success t (fun x -> sum := !sum + x)
    done;
    Lwt.wakeup u 1
  done;
  measure_end n;
  check (!sum = n) "b6"

(* ---- c, d, e, k: threads that pause, sleep and time out ---- *)

let rec pauses left =
  if left = 0 then Lwt.return_unit
  else Lwt.pause () >>= fun () -> pauses (left - 1)

let c1 n =
  measure_begin ();
  drive (pauses n);
  measure_end n

let c2 n =
  measure_begin ();
  Lwt_main.run (pauses n);
  measure_end n

let pausing width times = Lwt.join (List.init width (fun _ -> pauses times))

let d1 n =
  let width, times, n = groups n 1000 in
  measure_begin ();
  drive (pausing width times);
  measure_end n

let d2 n =
  let width, times, n = groups n 1000 in
  measure_begin ();
  Lwt_main.run (pausing width times);
  measure_end n

let nap i =
  let spread = i * 2654435761 land 0xffffffff in
  0.5 +. (float_of_int spread /. 4294967296.)

let e n =
  let woken = ref 0 in
  measure_begin ();
  let rec threads i stop acc =
    if i = stop then acc
    else
      let thread =
        Lwt_unix.sleep (nap i) >>= fun () ->
        incr woken;
        Lwt.return_unit
      in
      threads (i + 1) stop (thread :: acc)
  in
  let rec batches i acc =
    if i >= n then acc
    else
      let next = min n (i + 4000) in
      batches next (Lwt.join (threads i next []) :: acc)
  in
  Lwt_main.run (Lwt.join (batches 0 []));
  measure_end n;
  check (!woken = n) "e: not all have slept"

let e2 n =
  let woken = ref 0 in
  measure_begin ();
  let rec make i ps us =
    if i = n then (ps, us)
    else
      let t, u = Lwt.wait () in
      let p =
        t >>= fun () ->
        incr woken;
        Lwt.return_unit
      in
      make (i + 1) (p :: ps) (u :: us)
  in
  let ps, us = make 0 [] [] in
  List.iter (fun u -> Lwt.wakeup u ()) us;
  measure_end n;
  check (!woken = n) "e2";
  List.iter take ps

let k1 n =
  let rec limited left =
    if left = 0 then Lwt.return_unit
    else Lwt_unix.with_timeout 10. Lwt.pause >>= fun () -> limited (left - 1)
  in
  measure_begin ();
  Lwt_main.run (limited n);
  measure_end n

let k2 n =
  let cancelled = ref 0 in
  measure_begin ();
  for _ = 1 to n do
    let p = Lwt_unix.sleep 10. in
    Lwt.cancel p;
    if is_canceled p then incr cancelled
  done;
  measure_end n;
  check (!cancelled = n) "k2"

(* ---- f: several promises ---- *)

let f1 n =
  measure_begin ();
  let rec make i ps us =
    if i = n then (ps, us)
    else
      let t, u = Lwt.wait () in
      make (i + 1) (t :: ps) (u :: us)
  in
  let ps, us = make 0 [] [] in
  let p = Lwt.join ps in
  List.iter (fun u -> Lwt.wakeup u ()) us;
  take p;
  measure_end n

let choices n width =
  let width, times, n = groups n width in
  let pending = List.init (width - 1) (fun _ -> fst (Lwt.task ())) in
  let sum = ref 0 in
  measure_begin ();
  for _ = 1 to times do
    let t, u = Lwt.task () in
    let p = Lwt.choose (t :: pending) in
    Lwt.wakeup u 1;
    sum := !sum + take p
  done;
  measure_end (if width = 2 then times else n);
  check (!sum = times) "choose"

let f2 n = choices n 1001
let f4 n = choices (2 * n) 2

let f3 n =
  let width, times, n = groups n 1000 in
  let sum = ref 0 in
  measure_begin ();
  for _ = 1 to times do
    let others = List.init (width - 1) (fun _ -> fst (Lwt.task ())) in
    let t, u = Lwt.task () in
    let p = Lwt.pick (t :: others) in
    Lwt.wakeup u 1;
    sum := !sum + take p
  done;
  measure_end n;
  check (!sum = times) "f3"

let f5 n =
  let cancelled = ref 0 in
  measure_begin ();
  for _ = 1 to n do
    let p = ref (fst (Lwt.task ())) in
    for _ = 1 to 10 do
      p := !p >>= Lwt.return
    done;
    Lwt.cancel !p;
    if is_canceled !p then incr cancelled
  done;
  measure_end n;
  check (!cancelled = n) "f5"

let f6 n =
  let sum = ref 0 in
  measure_begin ();
  for _ = 1 to n do
    let t1, u1 = Lwt.wait () in
    let t2, u2 = Lwt.wait () in
    let p = Lwt.both t1 t2 in
    Lwt.wakeup u1 1;
    Lwt.wakeup u2 2;
    let a, b = take p in
    sum := !sum + a + b
  done;
  measure_end n;
  check (!sum = 3 * n) "f6"

(* ---- g: mailboxes, locks, conditions ---- *)

let g1 n =
  let there = Lwt_mvar.create_empty () and back = Lwt_mvar.create_empty () in
  let sum = ref 0 in
  let rec ping left =
    if left = 0 then Lwt.return_unit
    else
      Lwt_mvar.put there 1 >>= fun () ->
      Lwt_mvar.take back >>= fun value ->
      sum := !sum + value;
      ping (left - 1)
  in
  let rec pong () =
    Lwt_mvar.take there >>= fun value -> Lwt_mvar.put back value >>= pong
  in
  measure_begin ();
  let _ = pong () in
  drive (ping n);
  measure_end n;
  check (!sum = n) "g1"

let g2 n =
  let m = Lwt_mutex.create () in
  let sum = ref 0 in
  measure_begin ();
  for _ = 1 to n do
    take
      (Lwt_mutex.with_lock m (fun () ->
           incr sum;
           Lwt.return_unit))
  done;
  measure_end n;
  check (!sum = n) "g2"

let g3 n =
  let width, times, n = groups n 100 in
  let m = Lwt_mutex.create () in
  let rec locks left =
    if left = 0 then Lwt.return_unit
    else Lwt_mutex.with_lock m Lwt.pause >>= fun () -> locks (left - 1)
  in
  measure_begin ();
  drive (Lwt.join (List.init width (fun _ -> locks times)));
  measure_end n

let g4 n =
  let width, times, n = groups n 1000 in
  let c = Lwt_condition.create () in
  let woken = ref 0 in
  let rec listens () =
    Lwt_condition.wait c >>= fun value ->
    woken := !woken + value;
    listens ()
  in
  measure_begin ();
  let threads = List.init width (fun _ -> listens ()) in
  for _ = 1 to times do
    Lwt_condition.broadcast c 1
  done;
  measure_end n;
  check (!woken = n && List.for_all Lwt.is_sleeping threads) "g4"

(* ---- i, m2: trees and lines of threads ---- *)

let rec fib depth =
  if depth < 2 then Lwt.map (fun () -> 1) (Lwt.pause ())
  else
    Lwt.map
      (fun (a, b) -> a + b)
      (Lwt.both (fib (depth - 1)) (fib (depth - 2)))

let i1 n =
  let rec fit depth leaves next =
    if (2 * next) - 1 > n then (depth, leaves)
    else fit (depth + 1) next (leaves + next)
  in
  let depth, leaves = fit 1 1 2 in
  measure_begin ();
  let got = drive (fib depth) in
  measure_end ((2 * leaves) - 1);
  check (got = leaves) "i1"

let m2 n =
  let width, times, n = groups n 20000 in
  let rec deeper left =
    if left = 0 then Lwt.return 0
    else Lwt.map (fun x -> x + 1) (Lwt.pause () >>= fun () -> deeper (left - 1))
  in
  let sum = ref 0 in
  measure_begin ();
  for _ = 1 to times do
    sum := !sum + drive (deeper width)
  done;
  measure_end n;
  check (!sum = n) "m2"

(* ---- h: elements through streams ---- *)

let h1 n =
  let stream, sink = Lwt_stream.create_bounded 128 in
  let rec push left =
    if left = 0 then (
      sink#close;
      Lwt.return_unit)
    else sink#push 1 >>= fun () -> push (left - 1)
  in
  let sum = ref 0 in
  measure_begin ();
  let writer = push n in
  drive (Lwt.join [ Lwt_stream.iter (fun x -> sum := !sum + x) stream; writer ]);
  measure_end n;
  check (!sum = n) "h1"

let h2 n =
  let stream, push = Lwt_stream.create () in
  let sum = ref 0 in
  measure_begin ();
  let reader = Lwt_stream.iter (fun x -> sum := !sum + x) stream in
  for _ = 1 to n do
    push (Some 1)
  done;
  push None;
  drive reader;
  measure_end n;
  check (!sum = n) "h2"

let h3 n =
  let left = ref n and sum = ref 0 in
  let pull () =
    if !left = 0 then Lwt.return_none
    else (
      decr left;
      Lwt.return_some 1)
  in
  measure_begin ();
  drive
    (Lwt_stream.iter
       (fun x -> sum := !sum + x)
       (Lwt_stream.map Fun.id (Lwt_stream.from pull)));
  measure_end n;
  check (!sum = n) "h3"

(* ---- j, l: pipes and worker threads ---- *)

let j1 n =
  let there_in, there_out = Lwt_unix.pipe () in
  let back_in, back_out = Lwt_unix.pipe () in
  let b1 = Bytes.make 1 'x' and b2 = Bytes.make 1 'x' in
  let rec answers () =
    Lwt_unix.read there_in b2 0 1 >>= fun got ->
    if got = 0 then Lwt.return_unit
    else Lwt_unix.write back_out b2 0 1 >>= fun _ -> answers ()
  in
  let rec asks left =
    if left = 0 then Lwt_unix.close there_out
    else
      Lwt_unix.write there_out b1 0 1 >>= fun _ ->
      Lwt_unix.read back_in b1 0 1 >>= fun got ->
      check (got = 1) "j1";
      asks (left - 1)
  in
  measure_begin ();
  let q = answers () in
  Lwt_main.run (Lwt.join [ asks n; q ]);
  measure_end n

let l1 n =
  let rec detached left =
    if left = 0 then Lwt.return_unit
    else Lwt_preemptive.detach ignore () >>= fun () -> detached (left - 1)
  in
  measure_begin ();
  Lwt_main.run (detached n);
  measure_end n

let rows =
  [
    ("a1", 20_000_000, a1); ("a2", 20_000_000, a2); ("a3", 20_000_000, a3);
    ("a4", 20_000_000, a4); ("b1", 10_000_000, b1); ("b2", 10_000_000, b2);
    ("b3", 10_000_000, b3); ("b4", 5_000_000, b4); ("b5", 20_000_000, b5);
    ("b6", 20_000_000, b6); ("m1", 4_000_000, m1); ("c1", 10_000_000, c1);
    ("c2", 2_000_000, c2); ("d1", 5_000_000, d1); ("d2", 5_000_000, d2);
    ("e", 1_000_000, e); ("e2", 1_000_000, e2); ("k1", 1_000_000, k1);
    ("k2", 5_000_000, k2); ("f1", 1_000_000, f1); ("f2", 5_005_000, f2);
    ("f3", 5_000_000, f3); ("f4", 1_000_000, f4); ("f5", 1_000_000, f5);
    ("f6", 3_000_000, f6); ("m2", 2_000_000, m2); ("g1", 5_000_000, g1);
    ("g2", 20_000_000, g2); ("g3", 5_000_000, g3); ("g4", 5_000_000, g4);
    ("i1", 635_621, i1); ("h1", 5_000_000, h1);
    ("h2", 5_000_000, h2); ("h3", 5_000_000, h3); ("j1", 500_000, j1);
    ("l1", 100_000, l1);
  ]

let usage () =
  prerr_endline "usage: bench-ocaml NAME [N] | --list";
  exit 2

let run name n =
  match List.find_opt (fun (row, _, _) -> row = name) rows with
  | None -> usage ()
  | Some (_, default, row) ->
      row (Option.value n ~default);
      Printf.printf
        "impl=lwt bench=%s n=%d secs=%.6f ns_op=%.2f rss_kb=%d base_kb=%d \
         bytes_op=%.1f\n"
        name !total !secs
        (!secs *. 1e9 /. float_of_int !total)
        !peak_kb !base_kb
        (float_of_int ((!peak_kb - !base_kb) * 1024) /. float_of_int !total)

let () =
  match Sys.argv with
  | [| _; "--list" |] ->
      List.iter (fun (name, n, _) -> Printf.printf "%s\t%d\n" name n) rows
  | [| _; name |] -> run name None
  | [| _; name; n |] -> (
      match int_of_string_opt n with
      | Some n when n > 0 -> run name (Some n)
      | _ -> usage ())
  | _ -> usage ()
