/**
 * The worker that carries the frames of a thread's labs, so that a test that blocks its own thread
 * does not stop its links.
 */
import { type MessagePort, parentPort } from 'node:worker_threads'
import { FileError, failedCall, UsageError } from 'vnet'
import { run } from '../carrier/lab-calls.ts'
import type { WorkerReply, WorkerRequest } from '../carrier/protocol.ts'
import { kernelLinks } from './kernel-links.ts'

function serve(port: MessagePort): void {
  const reply = (message: WorkerReply) => port.postMessage(message)
  const { calls } = kernelLinks({
    warn: line => reply({ warning: line }),
    onFault: (lab, fault) => reply({ lab, fault }),
  })
  port.on('message', async ({ id, call, args }: WorkerRequest) => {
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
