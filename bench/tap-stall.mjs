/**
 * Opens and closes interfaces until it is ended: `NETNS`. Each line is how long the event loop
 * stood still in one cycle, in ms: `{ open, close }`. A cycle has an interface for another
 * namespace, one with two queues, and an ordinary one.
 */
import { openTap } from 'vnet/tap'

const [netns] = process.argv.slice(2)
const KINDS = [{ netns }, { queues: 2 }, {}]

/** Awaits `fn` and returns the longest time from one turn of the event loop to the next. */
async function stall(fn) {
  let longest = 0
  let last = performance.now()
  const look = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
  }
  let next
  const turn = () => {
    look()
    next = setImmediate(turn)
  }
  turn()
  await fn()
  look()
  clearImmediate(next)
  return longest
}

console.log('ready')
for (;;) {
  const taps = []
  let open = 0
  for (const options of KINDS) {
    open = Math.max(
      open,
      await stall(async () => taps.push(await openTap({ name: 'stall%d', ...options }))),
    )
  }
  const close = await stall(() => Promise.all(taps.map(tap => tap.close())))
  console.log(JSON.stringify({ open, close }))
}
