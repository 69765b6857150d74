import { expect, test } from 'vitest'
import { arpRequest, echoRequest, tcpFrame, udpFrame } from '#src/bed/frames.ts'
import { print } from '#src/packet/print.ts'

const ends = { from: '198.18.0.1', to: '198.18.0.2' }

test.each([
  [arpRequest(ends), 'ARP, Request who-has 198.18.0.2 tell 198.18.0.1, length 28'],
  [
    echoRequest({ ...ends, sequence: 3 }),
    'IP 198.18.0.1 > 198.18.0.2: ICMP echo request, id 1, seq 3, length 64',
  ],
  [udpFrame({ ...ends, payload: 'four' }), 'IP 198.18.0.1.50000 > 198.18.0.2.9: UDP, length 4'],
  [
    tcpFrame({ ...ends, sourcePort: 1, sequence: 7 }),
    'IP 198.18.0.1.1 > 198.18.0.2.9: Flags [.], seq 7:25, ack 1, win 65535, length 18',
  ],
])('a frame of the test kit is what tcpdump would print: %#', (frame, line) => {
  expect(print(frame, 0, frame.length)).toBe(line)
})
