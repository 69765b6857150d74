/**
 * Opens and closes COUNT interfaces in this namespace, ten at a time, one of them with two queues.
 * The descriptors are the main thread's own, like in `vnet`. Prints the largest resident memory in
 * MB, without garbage (for this it needs --expose-gc), the descriptors that are open at the end but
 * were not after the first ten, and the interfaces.
 */
import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { promisify } from 'node:util'
import { loadNative } from '../../dist/net.js'
import { openTap } from '../../dist/tap.js'

const CLONE_FILES = 0x400
const AT_ONCE = 10

// Each event loop makes a pipe for signals with its first handler. Made after the unshare, it would
// be invalid in the other threads, which abort at a SIGCHLD: for the same reason no execFileSync,
// which has a loop of its own.
process.on('SIGUSR1', () => {})
const native = loadNative()
if (native.unshare(CLONE_FILES) < 0) throw new Error('unshare(CLONE_FILES)')
const descriptors = () => readdirSync('/proc/thread-self/fd').length

async function round() {
  const options = Array.from({ length: AT_ONCE }, (_, i) => ({
    name: 'churn%d',
    queues: i === 0 ? 2 : 1,
  }))
  const taps = await Promise.all(options.map(openTap))
  await Promise.all(taps.map(tap => tap.close()))
}

await round()
const before = descriptors()
let largest = 0
for (let made = 0; made < Number(process.argv[2]); made += AT_ONCE) {
  await round()
  globalThis.gc()
  largest = Math.max(largest, process.memoryUsage().rss)
}
const lost = descriptors() - before
// A process without the descriptors: what they keep open would show.
const { stdout } = await promisify(execFile)('ip', ['-j', 'link'])
const links = JSON.parse(stdout).map(({ ifname }) => ifname)
console.log(JSON.stringify({ megabytes: Math.ceil(largest / 1e6), lost, links }))
