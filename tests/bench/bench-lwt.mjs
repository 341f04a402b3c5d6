// bench-lwt.mjs - the rows of bench-lwt for the promises of Node.js.
// SPDX-License-Identifier: ISC
//
//   node bench-lwt.mjs NAME [N]    run the row NAME with N operations
//   node bench-lwt.mjs --list      the rows: name, operations
//
// What each row is, and the output line: see bench-lwt.c.  The work is the
// same as far as the language has it: await always takes a turn of the
// microtask queue, also where the promise is settled, and there is no cancel.

import { readFileSync } from 'node:fs'

// ---- Measuring

let base_kb, peak_kb, start, secs, total

function status(field) {
  const text = readFileSync('/proc/self/status', 'latin1')
  return parseInt(text.match(new RegExp(`^${field}:\\s*(\\d+)`, 'm'))[1])
}

function begin() {
  base_kb = status('VmRSS')
  start = process.hrtime.bigint()
}

function end(n) {
  secs = Number(process.hrtime.bigint() - start) / 1e9
  peak_kb = status('VmHWM')
  total = n
}

function check(ok, what) {
  if (!ok) throw new Error(what)
}

// n operations as `times` groups of at most `width`.
function groups(n, most) {
  const width = Math.min(n, most)
  const times = Math.floor(n / width)
  return { width, times, n: width * times }
}

const triangle = (n) => (n * (n + 1)) / 2
const succ = (x) => x + 1

// ---- a: what is settled already

async function a1(n) {
  const f = async (x) => x + 1
  let sum = 0
  begin()
  for (let i = 0; i < n; i++) sum += await f(i)
  end(n)
  check(sum === triangle(n), 'a1')
}

async function a2(n) {
  let i = 0
  begin()
  while (i < n) i = await Promise.resolve(i + 1)
  end(n)
  check(i === n, 'a2')
}

// ---- b: what is pending first

async function b1(n) {
  let resolve, sum = 0
  const make = (r) => { resolve = r }
  begin()
  for (let i = 0; i < n; i++) {
    const p = new Promise(make).then(succ)
    resolve(i)
    sum += await p
  }
  end(n)
  check(sum === triangle(n), 'b1')
}

async function b3(count) {
  const { width, times, n } = groups(count, 10)
  let resolve, sum = 0
  const make = (r) => { resolve = r }
  begin()
  for (let i = 0; i < times; i++) {
    let p = new Promise(make)
    for (let j = 0; j < width; j++) p = p.then(succ)
    resolve(0)
    sum += await p
  }
  end(n)
  check(sum === n, 'b3')
}

async function b4(n) {
  let resolve, sum = 0
  const make = (r) => { resolve = r }
  begin()
  for (let i = 0; i < n; i++) {
    let p = new Promise(make)
    const first = resolve
    const inner = new Promise(make)
    const second = resolve
    p = p.then(() => inner)
    first()
    second(1)
    sum += await p
  }
  end(n)
  check(sum === n, 'b4')
}

// ---- c, d, e: threads that pause and sleep

async function pauses(left) {
  while (left-- > 0) await null
}

async function immediates(left) {
  const make = (r) => { setImmediate(r) }
  while (left-- > 0) await new Promise(make)
}

async function c1(n) {
  begin()
  await pauses(n)
  end(n)
}

async function c2(n) {
  begin()
  await immediates(n)
  end(n)
}

async function threads(count, thread) {
  const { width, times, n } = groups(count, 1000)
  begin()
  await Promise.all(Array.from({ length: width }, () => thread(times)))
  end(n)
}

const d1 = (n) => threads(n, pauses)
const d2 = (n) => threads(n, immediates)

// A count and not Promise.all(), which takes at most 2 097 151.
async function e(n) {
  let woken = 0, all
  async function thread(i) {
    const spread = Math.imul(i, 2654435761) >>> 0
    await new Promise((r) => { setTimeout(r, 500 + (spread * 1000) / 4294967296) })
    if (++woken === n) all()
  }
  begin()
  const done = new Promise((r) => { all = r })
  for (let i = 0; i < n; i++) thread(i)
  await done
  end(n)
}

async function e2(n) {
  const ps = [], rs = []
  const make = (r) => { rs.push(r) }
  let woken = 0
  const count = () => { woken++ }
  begin()
  for (let i = 0; i < n; i++) ps.push(new Promise(make).then(count))
  for (let i = 0; i < n; i++) rs[i]()
  await ps[n - 1]
  end(n)
  check(woken === n, 'e2')
}

// ---- f: several promises

async function f1(n) {
  const ps = [], rs = []
  const make = (r) => { rs.push(r) }
  begin()
  for (let i = 0; i < n; i++) ps.push(new Promise(make))
  const p = Promise.all(ps)
  for (let i = 0; i < n; i++) rs[i]()
  await p
  end(n)
}

async function choices(count, most) {
  const { width, times, n } = groups(count, most)
  let resolve, sum = 0
  const make = (r) => { resolve = r }
  const ps = []
  for (let i = 0; i < width - 1; i++) ps.push(new Promise(() => {}))
  begin()
  for (let i = 0; i < times; i++) {
    ps[width - 1] = new Promise(make)
    const p = Promise.race(ps)
    resolve(1)
    sum += await p
  }
  end(width === 2 ? times : n)
  check(sum === times, 'race')
}

const f2 = (n) => choices(n, 1001)
const f4 = (n) => choices(2 * n, 2)

async function f6(n) {
  let resolve, sum = 0
  const make = (r) => { resolve = r }
  begin()
  for (let i = 0; i < n; i++) {
    const p = new Promise(make)
    const first = resolve
    const q = new Promise(make)
    const second = resolve
    const both = Promise.all([p, q])
    first(1)
    second(2)
    const [a, b] = await both
    sum += a + b
  }
  end(n)
  check(sum === 3 * n, 'f6')
}

// ---- g, i: a mailbox as one would write it, and a tree of threads

class Mailbox {
  takers = []
  values = []
  take() {
    if (this.values.length) return Promise.resolve(this.values.shift())
    return new Promise((r) => { this.takers.push(r) })
  }
  put(value) {
    if (this.takers.length) this.takers.shift()(value)
    else this.values.push(value)
  }
}

async function g1(n) {
  const there = new Mailbox(), back = new Mailbox()
  let sum = 0
  async function pong() {
    for (let i = 0; i < n; i++) back.put(await there.take())
  }
  begin()
  const done = pong()
  for (let i = 0; i < n; i++) {
    there.put(1)
    sum += await back.take()
  }
  await done
  end(n)
  check(sum === n, 'g1')
}

async function fib(depth) {
  if (depth < 2) {
    await null
    return 1
  }
  const [a, b] = await Promise.all([fib(depth - 1), fib(depth - 2)])
  return a + b
}

async function i1(n) {
  let depth = 1, leaves = 1, next = 2
  while (2 * next - 1 <= n) {
    [leaves, next] = [next, leaves + next]
    depth++
  }
  begin()
  const got = await fib(depth)
  end(2 * leaves - 1)
  check(got === leaves, 'i1')
}

const rows = {
  a1: [a1, 20e6], a2: [a2, 20e6],
  b1: [b1, 10e6], b3: [b3, 10e6], b4: [b4, 5e6],
  c1: [c1, 10e6], c2: [c2, 2e6], d1: [d1, 5e6], d2: [d2, 5e6],
  e: [e, 1e6], e2: [e2, 1e6],
  f1: [f1, 1e6], f2: [f2, 5005000], f4: [f4, 1e6], f6: [f6, 3e6],
  g1: [g1, 5e6], i1: [i1, 635621],
}

const [name, operations] = process.argv.slice(2)
if (name === '--list') {
  for (const row in rows) console.log(`${row}\t${rows[row][1]}`)
} else if (!(name in rows) || (operations !== undefined && !(operations > 0))) {
  console.error('usage: node bench-lwt.mjs NAME [N] | --list')
  process.exitCode = 2
} else {
  const [row, n] = rows[name]
  await row(operations === undefined ? n : parseInt(operations))
  console.log(`impl=node bench=${name} n=${total} secs=${secs.toFixed(6)} ` +
    `ns_op=${((secs * 1e9) / total).toFixed(2)} rss_kb=${peak_kb} ` +
    `base_kb=${base_kb} bytes_op=${(((peak_kb - base_kb) * 1024) / total).toFixed(1)}`)
}
