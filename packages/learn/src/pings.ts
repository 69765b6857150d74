/** Live checks with ping(8) that several exercises share. */
import { type Live, type ProgramOutput, verify } from './exercise.ts'
import { numberOf } from './observe.ts'

export interface Pings {
  readonly count: number
  /** Seconds between pings. A flood by default. */
  readonly interval?: string
  /** The addresses that are pinged at the same time. By default 198.18.0.9. */
  readonly targets?: readonly string[]
  /** Why all frames are received. */
  readonly because?: string
}

const FAR = '198.18.0.9'
const MIRRORED = 'a request and a reply for each ping, each mirrored'

/**
 * Starts vnet with `args` and pings each target. Fails unless the kernel received all frames that
 * it transmitted, by its own counters: a driver may print any. Does not use ping's count: its
 * socket may lose replies that it does not read in time.
 */
export async function verifyNothingLost({ vnet, run }: Live, args: readonly string[], pings: Pings): Promise<void> {
  const { count, interval, targets = [FAR], because = MIRRORED } = pings
  const pace = interval === undefined ? ['-f'] : ['-i', interval]
  const running = await vnet(...args)
  await Promise.all(targets.map(to => run('ping', '-q', ...pace, '-c', `${count}`, '-W', '2', to)))
  // A queue keeps the order: these replies are the last. Others may be too late for their ping.
  await Promise.all(targets.map(to => run('ping', '-c', '1', '-W', '5', to)))
  const [name = ''] = running.interfaces
  const { tx, rx } = kernelCounts(await run('ip', '-s', '-j', 'link', 'show', 'dev', name))
  await running.stop()
  const all = 2 * targets.length * (count + 1)
  const times = targets.length === 1 ? '' : `${targets.length} times `
  verify(tx >= all && rx === tx, {
    seen: `${times}${count} pings, and one more: ${tx} frames transmitted, ${rx} received`,
    expected: `${all} at least, and all of them received: ${because}`,
  })
}

/** Takes the interface down and up, `times` times during pings, or once. Fails without replies. */
export async function verifyDownAndUp({ vnet, run }: Live, args: readonly string[] = [], times = 0): Promise<void> {
  const [name = ''] = (await vnet(...args)).interfaces
  const pings = times > 0 && run('ping', '-q', '-c', '100', '-i', '0.01', '-W', '1', FAR)
  for (let i = 0; i < Math.max(times, 1); i++) {
    await run('ip', 'link', 'set', name, 'down')
    await run('ip', 'link', 'set', name, 'up')
  }
  await pings
  const { stdout } = await run('ping', '-q', '-c', '5', '-i', '0.2', '-W', '2', FAR)
  const received = numberOf(/ (\d+) received/, stdout) ?? 0
  // The first may be sent before vnet has noticed that the interface is up.
  verify(received > 0, {
    seen: `ip link set ${name} down, then up, then ping: ${received} of 5 replies`,
    expected: 'replies',
  })
}

/** The frames of `ip -s -j link show dev NAME`. */
function kernelCounts({ stdout }: ProgramOutput): { tx: number; rx: number } {
  const [link] = JSON.parse(stdout || '[]') as { stats64: Record<'tx' | 'rx', { packets: number }> }[]
  return { tx: link?.stats64.tx.packets ?? 0, rx: link?.stats64.rx.packets ?? 0 }
}

/** Pings, and fails unless a part of this kind was used, such as an interrupt that was taken. */
export async function verifyUsed({ vnet, run }: Live, args: readonly string[], kind: 'irq' | 'napi'): Promise<void> {
  const [name = ''] = (await vnet(...args)).interfaces
  await run('ping', '-q', '-c', '3', '-i', '0.1', '-W', '2', FAR)
  const { stdout } = await run('vnet', 'show', name, '--json')
  const { parts = [] } = JSON.parse(stdout || '{}') as { parts?: { kind: string; count?: number }[] }
  const found = parts.filter(part => part.kind === kind)
  const texts = found.map(({ count = 0 }) => `${kind} used ${count} times`)
  verify(
    found.some(({ count = 0 }) => count > 0),
    {
      seen: `3 pings; vnet show ${name}: ${texts.join(', ') || `no ${kind}`}`,
      expected: `${kind} used: a frame is received by it`,
    },
  )
}
