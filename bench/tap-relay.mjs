/**
 * Joins two TAPs through the API of `vnet/tap`: `[--offload] [--loop] NETNS/IF NETNS/IF`. Frames
 * are read by onFrames; with --loop, by `for await`.
 */
import { openTap } from 'vnet/tap'

const words = process.argv.slice(2)
const offload = words.includes('--offload')
const [a, b] = await Promise.all(
  words
    .filter(word => word.includes('/'))
    .map(end => {
      const [netns, name] = end.split('/')
      return openTap({ netns, name, offload })
    }),
)

async function copy(from, to) {
  if (!words.includes('--loop')) {
    from.onFrames = frames => to.writeBatch(frames)
    return
  }
  for await (const frames of from) {
    to.writeBatch(frames)
  }
}

for (const [from, to] of [
  [a, b],
  [b, a],
]) {
  copy(from, to)
}
console.log('ready')
