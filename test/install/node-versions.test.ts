import { expect, test } from 'vitest'
import { run, runWorker } from '../programs/native/support.ts'

/** Time, in ms, to download a Node version. */
const DOWNLOAD = 300_000

const script = `
  const shared = (Type, n) => new Type(new SharedArrayBuffer(n * Type.BYTES_PER_ELEMENT))
  const arena = shared(Uint8Array, 64)
  const lengths = shared(Int32Array, 4).fill(16)
  const offsets = shared(Int32Array, 4)
  for (let i = 0; i < 4; i++) offsets[i] = 16 * i
  const batch = native.createBatch(arena, offsets, lengths)
  const zero = native.open('/dev/zero', 2, -1)
  arena.fill(1)
  const frames = native.readBatch(batch, zero, 4, 0) + native.writeBatch(batch, zero, 4)
  const fd = native.timerfdCreate()
  let calls = 0
  const poller = native.createPoller(fd, status => {
    calls++
    native.timerfdRead(fd)
    if (calls < 3) return native.timerfdSettime(fd, 1)
    poller.close()
    native.close(fd)
    require('node:fs').writeSync(1, [process.versions.node.split('.')[0], status, calls, frames, arena.indexOf(1)].join() + '\\n')
  })
  poller.start()
  native.timerfdSettime(fd, 1)
`

test.concurrent.each(['22', '24', '26'])(
  'the addon built here loads, moves frames and polls under Node %s, in the main thread and in a worker',
  async major => {
    const node = ['npx', '-y', '-p', `node@${major}`, '--', 'node']
    const line = `${major},0,3,8,-1\n`
    expect(await run(script, node)).toMatchObject({ stdout: line, code: 0, signal: null })
    const ended = `start().on('exit', code => console.log('worker', code))`
    expect(await runWorker(script, ended, node)).toMatchObject({
      stdout: `${line}worker 0\n`,
      code: 0,
      signal: null,
    })
    const terminated = `
      const thread = start()
      thread.on('message', () => thread.terminate()).on('exit', code => console.log('worker', code))`
    const spinning = `
      const fd = native.timerfdCreate()
      native.timerfdSettime(fd, 1)
      native.createPoller(fd, () => require('node:worker_threads').parentPort.postMessage(0)).start()`
    expect(await runWorker(spinning, terminated, node)).toMatchObject({
      stdout: 'worker 1\n',
      code: 0,
      signal: null,
    })
  },
  DOWNLOAD,
)
