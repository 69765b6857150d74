/**
 * Options that do nothing without another one, or beside it. Each is refused in one line, or turns
 * the other one on.
 */
import { expect, test } from 'vitest'
import { driver as cable } from '#src/drivers/cable.ts'
import { paramValues } from '#src/netdev/driver.ts'
import { runMain } from '#support/run-main.ts'

test.each([
  [['snull', '--filter', 'icmp'], '--filter needs --capture FILE'],
  [['snull', '--snaplen', '64'], '--snaplen needs --capture FILE'],
  [['snull', '--ring', '2x1MB'], '--ring needs --capture FILE'],
  [['snull', '--duration', '1s'], '--duration needs --capture FILE'],
  [['snull', '--chaos', '1'], '--chaos needs --debug'],
  [['snull', '--user', '0'], '--user and --group are for persistent interfaces: add --persist'],
  [
    ['snull', '--gro', '--no-offload'],
    '--gro merges on interfaces with offloads, but --no-offload leaves none',
  ],
  [
    ['snull', '--eth', 'a', 'b'],
    'snull: --eth names the interfaces eth%d: leave it out, or their names',
  ],
  [
    ['snull', '--eth', '--name', 'a'],
    'snull: --eth names the interfaces eth%d: leave it out, or their names',
  ],
  [['attach', 'eth0', '--interface', 'x'], '--interface is for --container and --pid'],
  [['attach', 'eth0', '--node', '--quiet'], /^--node: the daemon does not take --quiet: /],
  [['node', '--image-labels'], '--image-labels is for --docker'],
  [['param', 'sn0', 'lockup', '--names'], 'param: --names lists all: leave out NAME'],
  [['trigger', 'sn0', '--queue', '1'], 'trigger: --queue needs a FAULT'],
  [['step', 'sn0', '--every', '1s'], '--every belongs to `step IF on`'],
  [['step', 'sn0', 'on', '--filter', 'icmp'], '--filter belongs to `step IF next`'],
  [
    ['wire', 'sn0', 'off', '--watch', '1s'],
    'wire: --json and --watch show a wire, a text changes it: run the command twice',
  ],
  [['run', '--after', '1s', '--', 'true'], '--after: --wire is missing'],
  [['run', '--nth', '1', '--', 'true'], '--nth: it is for the packets of --drop FILTER'],
  [['run', '--data', '--', 'true'], '--data: it is for the packets of --drop FILTER'],
  [['run', '--delay', '1s', '--', 'true'], '--delay: it is for the packets of --drop FILTER'],
  [['run', '--no-internet', '--publish', '80', '--', 'true'], /^--publish: with --no-internet /],
  [['lab', 'x.yaml', '--host', 'a'], '--host: there is no command: -- COMMAND'],
  [['test-from', 'x.pcap', '--client', 'x.js'], /^--client, --server and --with-content are for /],
  [['test-from', 'x.pcap', '--with-content'], /^--client, --server and --with-content are for /],
  [['explore', 'x.mjs', '--host', 'a'], '--host: there is no command'],
  [['learn', '--kernel'], 'learn: --kernel writes the module of an EXERCISE: name one'],
  [['check', '--csv'], 'check: --csv is for the directories of students'],
  [['check', '--mistakes', '--jobs', '2'], 'check: --jobs has no meaning with --mistakes'],
  [['conform', '--list', '--junit', 'x.xml'], '--list cannot be used with --junit'],
  [['conform', '--list', '--slow'], '--list cannot be used with --slow'],
  [['conform', 'tap0', '--list'], 'conform: --list needs no interface: leave tap0 out'],
] as [string[], string | RegExp][])('vnet %j is refused in one line', async (args, message) => {
  const { status, stdout, stderr } = await runMain(...args)
  expect([status, stdout]).toEqual([2, ''])
  const [, line] = /^vnet: ([^\n]*)\n$/.exec(stderr) ?? []
  expect(line).toEqual(typeof message === 'string' ? message : expect.stringMatching(message))
})

test('the size of a receive filter turns the filter on', () => {
  expect(paramValues(cable.params, { rxFilterSize: 2 })).toMatchObject({
    rxFilter: true,
    rxFilterSize: 2,
  })
  expect(paramValues(cable.params)).toMatchObject({ rxFilter: false, rxFilterSize: 32 })
})
