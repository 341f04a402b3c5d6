(* study_lwt.ml - the study of doc/study.md in OCaml's Lwt.
   SPDX-License-Identifier: ISC

     study-lwt TEST lwt X ITERATIONS    one measurement, as bench-study prints it *)

open Lwt.Infix

let rec loop wait n =
  if n = 0 then Lwt.return_unit else wait () >>= fun () -> loop wait (n - 1)

let rec recurse n =
  if n = 0 then Lwt.return_unit
  else
    Lwt.pause () >>= fun () ->
    recurse (n - 1) >>= fun () -> Lwt.return_unit

let rec once n =
  if n = 0 then Lwt.pause ()
  else once (n - 1) >>= fun () -> Lwt.return_unit

let thread = function
  | "quick" -> loop (fun () -> Lwt.return_unit)
  | "medium" -> loop Lwt.pause
  | "slow" -> loop (fun () -> Lwt_unix.sleep 0.)
  | "recurse" -> recurse
  | "once" -> once
  | name -> failwith name

let () =
  let name = Sys.argv.(1) in
  let x = int_of_string Sys.argv.(3) and iterations = int_of_string Sys.argv.(4) in
  let thread = thread name in
  let rec run left =
    if left = 0 then Lwt.return_unit else thread x >>= fun () -> run (left - 1)
  in
  let start = Unix.gettimeofday () in
  Lwt_main.run (run iterations);
  Printf.printf "test=%s way=lwt x=%d n=%d secs=%.6f\n" name x (x * iterations)
    (Unix.gettimeofday () -. start)
