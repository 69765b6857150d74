/** The links of labs in the kernel, in the thread that calls this: a worker, or the lab's own. */
import { loadNative } from 'vnet/kit/linux'
import { LinuxPlatform, LOGLEVEL_WARNING, Log, Net, TimerfdClock } from 'vnet/net'
import { Calls, type LinkCaller, run } from '../carrier/lab-calls.ts'
import type { FaultEvent } from '../carrier/protocol.ts'

/**
 * Gets the events of links that no call asked for: a warning in a line, and a fault of a lab, which
 * is lost without `onFault`.
 */
interface LinkReports {
  warn(line: string): void
  onFault?(lab: string, fault: FaultEvent): void
}

/** The calls of a thread's links. `close` gives back what they share, after the links. */
export interface KernelLinks {
  readonly calls: Calls
  close(): Promise<void>
}

/** Returns the calls for links of this thread. */
export function kernelLinks({ warn, onFault }: LinkReports): KernelLinks {
  const native = loadNative()
  const log = new Log(LOGLEVEL_WARNING, (_, line) => warn(line))
  const platform = new LinuxPlatform(native, text => log.warn(text))
  const clock = new TimerfdClock(native)
  const net = new Net({ platform, clock, log })
  const calls = new Calls(net, {
    hasKernel: true,
    settle: ports => platform.settle(ports),
    ...(onFault && { onFault }),
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
  const close = async () => {
    clock.close()
    await platform.close()
  }
  return { calls, close }
}

/**
 * Carries the frames of one lab in the lab's own thread, for a program that only waits meanwhile. A
 * worker would take longer to start than the rest of the lab.
 */
export class OwnLinks implements LinkCaller {
  /** Does nothing: only explorations listen to faults of hosts, and their labs use a worker. */
  readonly onFault = (): void => {}
  readonly #links = kernelLinks({ warn: line => console.error(`vnet: ${line}`) })

  /** Same as LabWorker.call. */
  readonly call: LinkCaller['call'] = async (call, ...args) =>
    (await run(this.#links.calls, call, args)) as never

  /** The lab has ended, and its links are closed. */
  release(): void {
    void this.#links.close()
  }
}
