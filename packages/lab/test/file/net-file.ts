/** A lab file with a part of each kind, and its errors. */
import { expect } from 'vitest'
import { UsageError } from '#src/base/usage-error.ts'
import { parseLabFile } from '../../src/file/read.ts'

export const NET = `hosts: [laptop, phone, server, backup]
routers:
  internet: { inside: [server], wire: { ab: loss 2% } }
  home: { outside: internet, nat: symmetric }
cables:
  back: { ends: [server, backup], wire: { ab: delay 5ms, ba: loss 1% } }
lans:
  wifi: { ports: [home, laptop, phone], network: 198.18.4.0/24, wire: delay 2ms }
run:
  server: { command: 'echo up', ready: up }
  home: [{ command: [sleep, '1'], restart: true }]
faults:
  - { link: home/internet, direction: ab, action: drop, filter: tcp port 80, nth: 2 }
  - { link: wifi/phone, direction: ba, action: { delay: 5ms } }
scenario:
  - { at: 1s, link: back, wire: loss 5% }
  - { at: 2s, link: internet/server, carrier: off }
`

/** Returns the lines of the error for the file with one text replaced. */
export function rejected(from: string, to: string): string[] {
  expect(NET).toContain(from)
  try {
    parseLabFile(NET.replace(from, to), 'net.yaml')
  } catch (error) {
    if (error instanceof UsageError) return error.message.split('\n')
    throw error
  }
  return []
}
