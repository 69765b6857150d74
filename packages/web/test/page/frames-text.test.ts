import { expect, it } from 'vitest'
import { hexDump, protocolOf, timeText, verdict } from '../../src/page/frames-text.ts'

it('the time of a frame has microseconds, in local time', () => {
  const time = new Date(2026, 10, 21, 6, 3, 9, 42).getTime()
  expect(timeText(time + 0.25)).toBe('06:03:09.042250')
  expect(timeText(time)).toBe('06:03:09.042000')
})

it('bytes are printed sixteen to a line, with their position and their text characters', () => {
  const bytes = [...'GET / HTTP/1.1\r\n', '\u007f', 'a', '~'].map(c =>
    c.charCodeAt(0).toString(16).padStart(2, '0'),
  )
  expect(hexDump(bytes.join(''))).toEqual([
    '0000  47 45 54 20 2f 20 48 54  54 50 2f 31 2e 31 0d 0a  GET / HTTP/1.1..',
    '0010  7f 61 7e                                          .a~',
  ])
  expect(hexDump('')).toEqual([])
})

it.each([
  [['Ethernet', 'ARP'], 'arp'],
  [['Ethernet', 'IPv6', 'ICMPv6'], 'icmp'],
  [['Ethernet', 'IPv4', 'TCP'], 'tcp'],
  [['Ethernet', 'IPv4', 'UDP', 'DNS'], 'udp'],
  [['Ethernet'], 'other'],
])('the protocol of a frame with the headers %j is %s', (names, protocol) => {
  expect(protocolOf({ headers: names.map(name => ({ name, fields: [] })) as never })).toBe(protocol)
})

it('the text of a frame has its fate', () => {
  expect(verdict({ dropped: undefined })).toBe('passed')
  expect(verdict({ dropped: 'NEIGH' })).toBe('dropped: NEIGH')
})
