/** Traffic of ordinary programs between two addresses of the machine, over any driver. */
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { type Child, type Netns, outcome } from './netns.ts'
import { snmp } from './snmp.ts'
import { type End, udpSocket } from './sockets.ts'

const flowsProgram = fileURLToPath(new URL('udp-flows.mjs', import.meta.url))

/** The ends of a hidden loopback, in one namespace or two. */
export const nearEnd = (netns: Netns): End => ({
  netns,
  address: '198.18.0.1',
  reachedAt: '198.18.1.1',
})
export const farEnd = (netns: Netns): End => ({
  netns,
  address: '198.18.1.2',
  reachedAt: '198.18.0.2',
})
export const nearEnd6 = (netns: Netns): End => ({
  netns,
  address: '2001:db8::1',
  reachedAt: '2001:db8:0:1::1',
})
export const farEnd6 = (netns: Netns): End => ({
  netns,
  address: '2001:db8:0:1::2',
  reachedAt: '2001:db8::2',
})

/**
 * Runs ping(8) until it has the number of valid replies that `options` set (-c). Fails otherwise.
 */
export async function pingAll(netns: Netns, options: string): Promise<void> {
  const { status, stdout, stderr } = await netns.run(`ping -q -w 30 ${options}`)
  expect([status, stdout + stderr]).toEqual([
    0,
    expect.not.stringMatching(/wrong data|truncated|duplicate/),
  ])
}

/**
 * Runs ping(8) with exactly the number of requests that `options` set (-c), over IPv4, and waits
 * until that many replies have come, or `replies`. ping itself waits for the last ones only for
 * twice the longest round trip, and at least an interval (-i). No other ping may run in the
 * namespace. Returns the shortest and the longest round trip in ms that ping has seen.
 */
export async function pingWithoutLoss(
  netns: Netns,
  options: string,
  replies?: number,
): Promise<{ shortest: number; longest: number }> {
  const counted = () => snmp(netns)['Icmp.InEchoReps'] ?? 0
  const before = counted()
  const { stdout, stderr } = await netns.run(`ping -q ${options}`)
  const [, sent] = /^(\d+) packets transmitted/m.exec(stdout) ?? []
  await expect
    .poll(() => counted() - before, { message: stdout + stderr })
    .toBe(replies ?? Number(sent))
  const [, shortest, longest] = /= ([\d.]+)\/[\d.]+\/([\d.]+)\//.exec(stdout) ?? []
  return { shortest: Number(shortest), longest: Number(longest) }
}

/** Sends one ping to `address`, which options may follow, and waits for its reply. */
export async function pingOnce(netns: Netns, address: string): Promise<void> {
  const { status, stdout, stderr } = await netns.run(`ping -c 1 -W 30 ${address}`)
  expect(stdout + stderr).not.toMatch(/wrong data|truncated/)
  expect([status, stdout + stderr]).toEqual([0, expect.stringContaining(' 1 received')])
}

/** Pings each address twice concurrently, with short and long messages, by one program. */
export async function pingTwice(netns: Netns, ...addresses: string[]): Promise<void> {
  const pings = addresses.flatMap(address =>
    [56, 8000].map(size => `ping -c 1 -W 30 -s ${size} ${address} &`),
  )
  const script = `for i in 1 2; do ${pings.join(' ')} wait; done`
  const { stdout } = await outcome(netns.spawn(['sh', '-c', script]))
  const replies = stdout.match(/^1 packets transmitted, 1 received, 0% packet loss/gm)
  expect(replies, stdout).toHaveLength(2 * pings.length)
}

/**
 * Sends one ping of each size to each address, one after the other, by one program, and waits for
 * their replies.
 */
export async function pingSizes(
  netns: Netns,
  sizes: readonly number[],
  addresses: readonly string[],
): Promise<void> {
  const script = `for size in ${sizes.join(' ')}; do for to in ${addresses.join(' ')}; do
    ping -c 1 -W 30 -s $size $to || exit; done; done`
  const { status, stdout, stderr } = await outcome(netns.spawn(['sh', '-c', script]))
  expect(stdout + stderr).not.toMatch(/wrong data|truncated/)
  expect([status, stderr, stdout.match(/ 1 received/g)]).toEqual([
    0,
    '',
    Array(sizes.length * addresses.length).fill(' 1 received'),
  ])
}

/** Runs ping(8) and returns the number of replies. */
export async function pingSome(netns: Netns, options: string): Promise<number> {
  const { stdout } = await netns.run(`ping -q ${options}`)
  return Number(/, (\d+) received/.exec(stdout)?.[1])
}

/**
 * The number of datagrams that arrived at one end, and how many of them came after a later one of
 * their flow.
 */
interface Arrived {
  readonly arrived: number
  readonly late: number
}

/**
 * Sends UDP flows of `count` datagrams each, which are echoed. Returns what arrived there, and
 * back.
 */
export async function udpFlows(
  netns: Netns,
  flows: number,
  count: number,
): Promise<{ there: Arrived; back: Arrived }> {
  const args = ['198.18.0.1', '198.18.1.2', '198.18.0.2', flows, count]
  const { stdout, stderr } = await netns.run([process.execPath, flowsProgram, ...args].join(' '))
  expect(stderr).toBe('')
  return JSON.parse(stdout)
}

/** Sends the same flows and checks that all datagrams arrived in order. */
export async function expectFlowsInOrder(
  netns: Netns,
  flows: number,
  count: number,
): Promise<void> {
  const all = { arrived: flows * count, late: 0 }
  expect(await udpFlows(netns, flows, count)).toEqual({ there: all, back: all })
}

/**
 * Sends datagrams of each size from `client` to `server`, one after the other, and checks each
 * echo.
 */
export async function udpEcho(client: End, server: End, sizes: readonly number[]): Promise<void> {
  const [a, b] = await Promise.all([
    udpSocket(client.netns, client.address, 0),
    udpSocket(server.netns, server.address, 7000),
  ])
  b.on('message', (message, { address, port }) => b.send(message, port, address))
  for (const size of sizes) {
    const message = Buffer.alloc(size, `${size}`)
    a.send(message, 7000, server.reachedAt)
    const [answer] = await once(a, 'message')
    expect(message.equals(answer)).toBe(true)
  }
  a.close()
  b.close()
}

/** Returns the lines of a child's output as they arrive. */
export function lines(child: Child): { until(pattern: RegExp): Promise<string> } {
  const got: string[] = []
  let rest = ''
  let ended = false
  let errors = ''
  let wake = () => {}
  child.stderr.setEncoding('utf8').on('data', text => {
    errors += text
  })
  child.on('close', () => {
    ended = true
    wake()
  })
  child.stdout.setEncoding('utf8').on('data', text => {
    const whole = `${rest}${text}`.split('\n')
    rest = whole.pop() ?? ''
    got.push(...whole)
    wake()
  })
  let seen = 0
  return {
    /**
     * Returns the next matching line after the line of the previous call. Throws if the child ends
     * without it.
     */
    async until(pattern) {
      for (;;) {
        while (seen < got.length) {
          const line = got[seen++] as string
          if (pattern.test(line)) return line
        }
        if (ended) {
          throw new Error(
            `the program ended without a line ${pattern}:\n${got.join('\n')}\n${errors}`,
          )
        }
        await new Promise<void>(resolve => {
          wake = resolve
        })
      }
    },
  }
}

/**
 * Runs `iperf3 --bidir -P STREAMS` between the two ends, for a second or the time in `until`.
 * Returns the bytes that arrived in both directions.
 */
export async function iperf3(
  client: End,
  server: End,
  streams: number,
  until = '-t 1',
): Promise<number> {
  const listener = server.netns.spawn(`iperf3 -s -1 --forceflush -B ${server.address}`)
  await lines(listener).until(/Server listening/)
  const options = `-c ${server.reachedAt} -B ${client.address} -P ${streams} --bidir ${until} -J`
  const { stdout } = await client.netns.run(`iperf3 ${options}`)
  const { end, error } = JSON.parse(stdout)
  expect(error).toBeUndefined()
  return Math.min(end.sum_received.bytes, end.sum_received_bidir_reverse.bytes)
}

/**
 * Returns the kernel's counters of TCP segments out of order. All are zero if nothing is lost or
 * reordered.
 */
export async function tcpReordering(netns: Netns): Promise<Record<string, number>> {
  const { stdout } = await netns.run('cat /proc/net/netstat')
  const [names, values] = stdout
    .split('\n')
    .filter(line => line.startsWith('TcpExt:'))
    .map(line => line.split(' ').slice(1)) as [string[], string[]]
  const of = (name: string) => Number(values[names.indexOf(name)])
  return Object.fromEntries(
    ['TCPOFOQueue', 'TCPSACKReorder', 'TCPTSReorder'].map(name => [name, of(name)]),
  )
}
