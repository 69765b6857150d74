/** More mistakes in lab files. */
import { expect, test } from 'vitest'
import { rejected } from './net-file.ts'

test.each([
  ['outside: internet, ', '', '4:9: routers.home: router home: a NAT needs `outside`'],
  ['[server, backup]', '[server]', '6:9: cables.back: cable back: it has two `ends`'],
  ['ends: [server, backup], ', '', '6:9: cables.back: ends is missing'],
  [
    'ba: loss 1%',
    'ba: loss 1x',
    "6:62: cables.back.wire.ba: '1x' is not a percentage from 0% to 100%",
  ],
  ['loss 2%', 'loss 2x', "3:45: routers.internet.wire.ab: '2x' is not a percentage"],
  [
    '198.18.4.0/24',
    '198.18.4.0/24, dhcp: { leaseTime: x }',
    '8:84: lans.wifi.dhcp.leaseTime: expected a number',
  ],
  [
    'delay 2ms }',
    'delay 2ms, hosts: [{ ip: 198.18.5.1 }] }',
    '8:9: lans.wifi: hosts[0].ip: 198.18.5.1 is not within',
  ],
  ["command: 'echo up'", 'command: []', '10:22: run.server.command: expected at least 1 entry'],
  [
    'delay 2ms }',
    'delay 2ms, mtu: 10 }',
    '8:87: lans.wifi.mtu: expected a whole number from 68 to 65521',
  ],
  ['direction: ab, ', '', '13:5: faults[0]: direction is missing'],
  [
    'action: drop',
    'action: lose',
    '13:51: faults[0].action: expected drop, duplicate, swap, corrupt, tamper, ce, reset, fin, silence, mute or a mapping',
  ],
  ['nth: 2', 'nth: 0', '13:83: faults[0].nth: expected a whole number from 1 to'],
  ['nth: 2', 'nth: 2, data: 1', '13:92: faults[0].data: expected true or false'],
  ['delay: 5ms', 'delay: 5', "14:57: faults[1].action.delay: expected text, got '5'"],
  ['link: internet/server', 'link: sever', '17:21: scenario[1].link: the lab has no link sever'],
  ['loss 5%', 'los 5%', "16:33: scenario[0].wire: 'los' is not a word of a wire"],
  ['link: back, ', '', '16:5: scenario[0]: link is missing'],
  [
    'link: back, wire: loss 5%',
    'switch: { host: home, uplink: home }',
    '16:31: scenario[0].switch.host: the lab has no',
  ],
  [
    'link: back, wire: loss 5%',
    'switch: { host: phone, uplink: internet }',
    '16:46: scenario[0].switch.uplink: internet is not an uplink of phone',
  ],
  [
    'link: back, wire: loss 5%',
    'accept: { router: home }',
    '16:23: scenario[0].accept: host is missing',
  ],
])('a file with a mistake is refused at its line and column: %s becomes %s', (from, to, line) => {
  const lines = rejected(from, to)
  expect(lines).toEqual([expect.stringMatching(/^net.yaml:/)])
  expect(lines).toEqual([expect.stringContaining(line)])
})
