/**
 * Runs commands of vnet one after the other, each in the network namespace of its request: a line
 * `{ netns, args }` on stdin, to which a line `{ status, stdout, stderr }` replies.
 */
import { closeSync, openSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { main } from '../../dist/cli/main.js'
import { loadNative } from '../../dist/linux/native.js'

const { setns } = loadNative()
const home = openSync('/proc/thread-self/ns/net')

function enter(fd) {
  const result = setns(fd, 0)
  if (result < 0) throw new Error(`setns: errno ${-result}`)
}

for await (const line of createInterface(process.stdin)) {
  const { netns, args } = JSON.parse(line)
  const ended = { status: 1, stdout: '', stderr: '' }
  const io = {
    out(text) {
      ended.stdout += text
    },
    err(text) {
      ended.stderr += text
    },
    onEnd: () => () => {},
  }
  const fd = openSync(`/run/netns/${netns}`)
  enter(fd)
  closeSync(fd)
  ended.status = await main(args, io)
  // A process in a namespace keeps it alive.
  enter(home)
  process.stdout.write(`${JSON.stringify(ended)}\n`)
}
