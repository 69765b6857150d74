/**
 * The worker that carries the frames of a thread's labs, so that a test that blocks its own thread
 * does not stop its links.
 */
import { type MessagePort, parentPort } from 'node:worker_threads'
import { FileError, failedCall, UsageError } from 'vnet'
import { loadNative } from 'vnet/kit/linux'
import { LinuxPlatform, LOGLEVEL_WARNING, Log, Net, TimerfdClock } from 'vnet/net'
import { Calls, run } from '../carrier/lab-calls.ts'
import type { WorkerReply, WorkerRequest } from '../carrier/protocol.ts'

function makeCalls(post: (message: WorkerReply) => void): Calls {
  const native = loadNative()
  const log = new Log(LOGLEVEL_WARNING, (_, line) => post({ warning: line }))
  const platform = new LinuxPlatform(native, text => log.warn(text))
  const net = new Net({ platform, clock: new TimerfdClock(native), log })
  return new Calls(net, {
    hasKernel: true,
    settle: ports => platform.settle(ports),
    onFault: (lab, fault) => post({ lab, fault }),
    bindUdp: async (nsfd, socket, port) => {
      // Loaded on demand, because few routers have port control.
      const [{ bindUdp }, { codeIn }] = await Promise.all([
        import('../world/code.ts'),
        import('./sockets.ts'),
      ])
      return bindUdp(codeIn({ native, nsfd }), socket, port, undefined)
    },
    show: async placeOf => {
      const { startLabControl } = await import('./lab-control.ts')
      return startLabControl(native, net, placeOf)
    },
  })
}

function serve(port: MessagePort): void {
  const calls = makeCalls(message => port.postMessage(message))
  port.on('message', async ({ id, call, args }: WorkerRequest) => {
    const reply = (message: WorkerReply) => port.postMessage(message)
    try {
      reply({ id, value: await run(calls, call, args) })
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      const usage = error instanceof UsageError
      const failure = failedCall(error)
      const report = failure && { errno: failure.errno, what: failure.what, advice: failure.advice }
      const file = error instanceof FileError ? { column: error.column } : undefined
      reply({
        id,
        error: text,
        call: report,
        usage,
        file,
        failed: usage && error.cause !== undefined,
      })
    }
  })
}

serve(parentPort as MessagePort)
