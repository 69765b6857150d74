/** Runs tcpdump: returns its lines, or the frames of its pcap output with their VLAN tags. */
import { once } from 'node:events'
import type { Child, Netns } from './netns.ts'

const PCAP_MAGIC_US = 0xa1b2c3d4
const FILE_HEADER = 24
const RECORD_HEADER = 16

/** Starts tcpdump and waits until it captures. `options`: such as `-Q in`, and a filter. */
async function tcpdump(netns: Netns, name: string, options: string): Promise<Child> {
  const child = netns.spawn(`tcpdump -p -n --immediate-mode -U -B 8192 -i ${name} ${options}`)
  let stderr = ''
  await new Promise<void>((resolve, reject) => {
    child.on('error', reject).on('close', () => reject(new Error(`tcpdump ended: ${stderr}`)))
    child.stderr.setEncoding('utf8').on('data', text => {
      stderr += text
      if (/listening on/.test(stderr)) {
        resolve()
      }
    })
  })
  return child
}

/** A capture that runs until it is stopped. */
export interface Capture<T> {
  /** The items captured so far. */
  readonly got: readonly T[]
  /** Waits for the first item, past or future, that satisfies `is`. */
  until(is: (one: T) => boolean): Promise<T>
  /** Waits until there are that many items. */
  count(n: number): Promise<readonly T[]>
  /** Stops the capture and returns all items; rejects if tcpdump lost any. */
  stop(): Promise<readonly T[]>
}

/** Captures the frames of an interface as bytes. */
export function captureFrames(
  netns: Netns,
  name: string,
  options = '-Q in',
): Promise<Capture<Uint8Array>> {
  return capture(netns, name, `-w - ${options}`, frameReader())
}

/** Captures the lines that tcpdump prints. */
export function captureLines(netns: Netns, name: string, options = ''): Promise<Capture<string>> {
  return capture(netns, name, `-l ${options}`, lineReader())
}

async function capture<T>(
  netns: Netns,
  name: string,
  options: string,
  read: (chunk: Buffer) => T[],
): Promise<Capture<T>> {
  const child = await tcpdump(netns, name, options)
  const got: T[] = []
  let wake = () => {}
  let stderr = ''
  child.stderr.on('data', text => {
    stderr += text
  })
  child.stdout.on('data', chunk => {
    got.push(...read(chunk))
    wake()
  })
  const more = () =>
    new Promise<void>(resolve => {
      wake = resolve
    })
  return {
    got,
    async until(is) {
      for (let seen = 0; ; seen++) {
        while (seen === got.length) {
          await more()
        }
        if (is(got[seen] as T)) return got[seen] as T
      }
    },
    async count(n) {
      while (got.length < n) {
        await more()
      }
      return got
    },
    async stop() {
      child.kill('SIGINT')
      await once(child, 'close')
      if (!/^0 packets dropped by kernel/m.test(stderr)) {
        throw new Error(`tcpdump lost frames: ${stderr}`)
      }
      return got
    },
  }
}

/** Splits pcap output (draft-ietf-opsawg-pcap) in host order into frames. */
function frameReader(): (chunk: Buffer) => Uint8Array[] {
  let rest = Buffer.alloc(0)
  let started = false
  return chunk => {
    rest = Buffer.concat([rest, chunk])
    const frames: Uint8Array[] = []
    if (!started) {
      if (rest.length < FILE_HEADER) return frames
      if (rest.readUInt32LE(0) !== PCAP_MAGIC_US) throw new Error('not a pcap file')
      rest = rest.subarray(FILE_HEADER)
      started = true
    }
    while (rest.length >= RECORD_HEADER) {
      const end = RECORD_HEADER + rest.readUInt32LE(8)
      if (rest.length < end) break
      frames.push(Uint8Array.from(rest.subarray(RECORD_HEADER, end)))
      rest = rest.subarray(end)
    }
    return frames
  }
}

function lineReader(): (chunk: Buffer) => string[] {
  let rest = ''
  return chunk => {
    const lines = `${rest}${chunk}`.split('\n')
    rest = lines.pop() ?? ''
    return lines
  }
}
