/** Lab files are checked and drawn without making anything. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import type { Io } from '#src/cli/process/io.ts'
import { testDirectory } from '#support/fresh-directory.ts'
import { checkLab, hostOf } from '../../src/commands/lab.ts'
import { graph } from '../../src/file/graph.ts'
import { parseLabFile, readLabFile } from '../../src/file/read.ts'
import { labSchema } from '../../src/file/schema.ts'
import { NET, rejected } from './net-file.ts'

test('a lab file has the topology of lab.topology, programs, faults and a scenario', () => {
  const { topology, services, faults, scenario } = parseLabFile(NET, 'net.yaml')
  expect(services).toEqual([
    { host: 'server', command: 'echo up', ready: 'up' },
    { host: 'home', command: ['sleep', '1'], restart: true },
  ])
  expect(faults.map(({ link }) => link)).toEqual(['home/internet', 'wifi/phone'])
  expect(scenario?.links).toEqual(['back', 'internet/server'])
  expect(scenario?.list.steps).toEqual([
    { at: 1e9, ab: 'loss 5%', ba: 'loss 5%' },
    { at: 2e9, carrier: false },
  ])
  expect(topology.hosts).toEqual(['laptop', 'phone', 'server', 'backup'])
  expect(topology.routers).toEqual({
    internet: { inside: ['server'], wire: { ab: 'loss 2%' } },
    home: { outside: 'internet', nat: 'symmetric' },
  })
})

test.each([
  ['backup]', 'backup, Phone]', "1:40: hosts[4]: host 'Phone': the name is taken"],
  ['nat: symmetric', 'nat: symetric', '4:35: routers.home.nat: expected masquerade, full-cone, '],
  [
    'outside: internet',
    'outside: intranet',
    '4:20: routers.home.outside: the topology has no host intranet here',
  ],
  ['[server, backup]', '[server, server]', '6:26: cables.back.ends[1]: server is named twice'],
  ['delay 2ms }', 'delay 2 }', "8:71: lans.wifi.wire: the time '2' has no unit"],
  ['wire: delay 2ms', 'wires: delay 2ms', '8:65: lans.wifi.wires: unknown key (known: '],
  [
    '198.18.4.0/24',
    '198.18.4.1/24',
    '8:50: lans.wifi.network: expected an IPv4 network of /8 to /30',
  ],
  [
    '198.18.4.0/24',
    '198.18.4.0/26',
    '8:9: lans.wifi: lan: 198.18.4.0/26 has addresses for 0 ports, not',
  ],
  [
    '  server: {',
    '  sever: {',
    '10:10: run.sever: the lab has no host sever; it has laptop, phone, server, backup, ',
  ],
  ["command: 'echo up'", "command: ''", '10:22: run.server.command: expected text or a list'],
  [
    'restart: true',
    'restart: yes',
    "11:44: run.home[0].restart: expected true or false, got 'yes'",
  ],
  [
    'link: home/internet',
    'link: home',
    '13:13: faults[0].link: the lab has no link home; it has back, internet/server, ',
  ],
  ['tcp port 80', 'tcp prt 80', "13:65: faults[0].filter: filter 'tcp prt 80': syntax error"],
  ['nth: 2', 'nth: 2, first: 1', '13:5: faults[0]: a fault has one of first, nth and every'],
  ['delay: 5ms', 'delay: five', '14:5: faults[1]: '],
  ['at: 2s', 'at: 500ms', '17:11: scenario[1].at: it is before the step above'],
  [', wire: loss 5%', '', '16:5: scenario[0]: it changes nothing: add wire or carrier'],
  [
    'link: back, wire: loss 5%',
    'switch: { host: phone, uplink: server }',
    'no router server; it has internet, home',
  ],
  [
    'link: back, wire: loss 5%',
    'accept: { router: home, host: phone }',
    'the lab has no captive portal home; it has ',
  ],
])('a file with a mistake is refused at its line and column: %s becomes %s', (from, to, line) => {
  const lines = rejected(from, to)
  expect(lines).toEqual([expect.stringMatching(/^net.yaml:/)])
  expect(lines).toEqual([expect.stringContaining(line)])
})

test('a switch between two routers of one segment is refused in the file, and one between two cables is not', () => {
  const scenario = 'scenario: [{ at: 1s, switch: { host: phone, uplink: lte } }]\n'
  const routers = (lte: string) => `hosts: [phone]\nrouters: { wifi: {}, lte: { ${lte} } }\n`
  const apart = `${routers('inside: [phone]')}lans: { home: { ports: [phone, wifi] } }\n${scenario}`
  expect(parseLabFile(apart, 'net.yaml').scenario?.hosts).toHaveLength(1)
  const together = `${routers('')}lans: { home: { ports: [phone, wifi, lte] } }\n${scenario}`
  expect(() => parseLabFile(together, 'net.yaml')).toThrow(
    'scenario[0].switch.uplink: lte and wifi are on one segment of phone: give each uplink a link of its own',
  )
  const named = apart
    .replace('[phone]', '[phone, constructor]')
    .replace('wifi]', 'wifi, constructor]')
  expect(
    parseLabFile(named.replace('uplink: lte', 'uplink: wifi'), 'net.yaml').scenario?.hosts,
  ).toHaveLength(1)
  const cable = `${routers('')}cables: { c: { ends: [phone, lte] } }\n${scenario}`
  expect(parseLabFile(cable, 'net.yaml').scenario?.hosts).toHaveLength(1)
})

test('a file without hosts, or of more than 1 MiB, is refused', () => {
  expect(() => parseLabFile('hosts: []', 'net.yaml')).toThrow(
    'net.yaml:1:8: hosts: expected at least 1 entry',
  )
  const path = join(testDirectory(), 'long.yaml')
  writeFileSync(path, '#'.repeat(2 ** 20 + 1))
  expect(() => readLabFile(path)).toThrow(`${path}: longer than 1 MiB`)
})

test('the graph has hosts, routers with their NAT, segments, and links with their wires', () => {
  expect(graph(parseLabFile(NET, 'net.yaml').topology)).toBe(`flowchart LR
  n0["laptop"]
  n1["phone"]
  n2["server"]
  n3["backup"]
  n4{{"internet"}}
  n5{{"home<br>nat symmetric"}}
  n6(["wifi<br>198.18.4.0/24"])
  n2 ---|"ab: loss 2%"| n4
  n5 --- n4
  n2 ---|"back<br>ab: delay 5ms<br>ba: loss 1%"| n3
  n5 ---|"delay 2ms"| n6
  n0 ---|"delay 2ms"| n6
  n1 ---|"delay 2ms"| n6
`)
})

test('the graph has the preset and the firewall of a router, and names of cables with quotes', () => {
  const text = NET.replace('nat: symmetric', 'preset: home, firewall: corporate').replace(
    'back: {',
    `'a"<b>': {`,
  )
  const drawn = graph(parseLabFile(text.slice(0, text.indexOf('run:')), 'net.yaml').topology)
  expect(drawn).toContain('n5{{"home<br>preset home<br>firewall corporate"}}')
  expect(drawn).toContain('n2 ---|"a#34;#60;b#62;<br>ab: delay 5ms<br>ba: loss 1%"| n3')
})

test('lab check counts hosts, routers, cables and lans, one of each in the singular', async () => {
  const printed: string[] = []
  const io: Io = { out: text => printed.push(text), err() {}, onEnd: () => () => {} }
  const path = join(mkdtempSync(join(tmpdir(), 'lab-check-')), 'net.yaml')
  writeFileSync(path, 'hosts: [a, b]\nrouters: { home: { inside: [a], outside: b } }')
  try {
    expect(await checkLab(path, io)).toBe(0)
    expect(printed).toEqual([`${path}: 2 hosts, 1 router, 0 cables, 0 lans\n`])
  } finally {
    rmSync(dirname(path), { recursive: true })
  }
})

test('capture records each link that does not say otherwise', () => {
  const text = `capture: true\n${NET}`.replace(
    'back: { ',
    'dark: { ends: [phone, backup], capture: false }\n  back: { ',
  )
  const { cables = {}, routers = {}, lans = {} } = parseLabFile(text, 'net.yaml').topology
  const recorded = Object.entries({ ...cables, ...routers, ...lans }).filter(
    ([, { capture }]) => capture,
  )
  expect(recorded.map(([name]) => name)).toEqual(['back', 'internet', 'home', 'wifi'])
})

test('a wire names stages only in a file with `stages`, whose paths are relative to it', () => {
  const text = NET.replace('wire: delay 2ms', 'wire: stage third 5')
  expect(() => parseLabFile(text, 'net.yaml')).toThrow(
    'net.yaml:8:71: lans.wifi.wire: stage third: the lab has no `stages`, the files of own stages',
  )
  const directory = testDirectory()
  writeFileSync(join(directory, 'my.js'), 'throw new Error()')
  const name = join(directory, 'net.yaml')
  expect(parseLabFile(`stages: [my.js]\n${text}`, name).stages).toEqual([join(directory, 'my.js')])
  expect(() => parseLabFile(`stages: [my.js, ./no.js]\n${text}`, name)).toThrow(
    `${name}:1:17: stages[1]: ${join(directory, 'no.js')}: no such file`,
  )
})

test('an unknown host, router or link has a few of the known names, and the one that may be meant', () => {
  const hosts = Array.from({ length: 200 }, (_, i) => `host-${i}`).join(', ')
  const some = 'host-0, host-1, host-2, host-3, host-4, host-5, host-6, host-7 and 19'
  const net = (more: string) =>
    `hosts: [${hosts}]\ncables: { link: { ends: [host-0, host-1] } }\n${more}`
  for (const [more, line] of [
    [
      'run: { hots-7: { command: x } }',
      `the lab has no host hots-7; it has ${some}2 more; did you mean 'host-7'?`,
    ],
    ['routers: { r: { inside: [zz] } }', `the topology has no host zz here; it has ${some}2 more`],
    [
      'faults: [{ link: lnk, direction: ab, action: drop }]',
      "the lab has no link lnk; it has link; did you mean 'link'?",
    ],
  ] as const) {
    expect(() => parseLabFile(net(more), 'net.yaml')).toThrow(
      new RegExp(`${line.replaceAll('?', '\\?')}$`),
    )
  }
  const plan = parseLabFile(net(''), 'net.yaml')
  expect(() => hostOf(plan, 'hots-7')).toThrow(
    `--host hots-7: the lab has ${some}2 more; did you mean 'host-7'?`,
  )
})

test('an empty file is refused', () => {
  expect(() => parseLabFile('', 'net.yaml')).toThrow('net.yaml: it is empty: a lab needs hosts')
})

test('packages/lab/docs/lab.schema.json is the schema that files are validated by', () => {
  const text = readFileSync(new URL('../../docs/lab.schema.json', import.meta.url), 'utf8')
  expect(JSON.parse(text), 'npm run generate writes it').toEqual(
    JSON.parse(JSON.stringify(labSchema)),
  )
})

test('--scenario replaces the scenario of a lab file, and its mistakes name its own file', () => {
  const scenario = (text: string) => parseLabFile(NET, 'net.yaml', { name: 'other.yaml', text })
  const { list, links } =
    scenario('repeat: 9s\nsteps: [{ at: 3s, link: back, wire: loss 7% }]\n').scenario ?? {}
  expect([list?.repeat, list?.steps[0]?.ab, links]).toEqual([9e9, 'loss 7%', ['back']])
  expect(scenario('[{ at: 4s, link: home/internet, carrier: off }]').scenario?.links).toEqual([
    'home/internet',
  ])
  expect(() => scenario('[{ at: 3s, link: nowhere, wire: loss 7% }]')).toThrow(
    /^other\.yaml:1:18: \[0\]\.link: the lab has no link nowhere/,
  )
  expect(() => scenario('steps: [{ at: 3s, link: back, wire: los 7% }]')).toThrow(
    /^other\.yaml:1:.*'los' is not a word/,
  )
  expect(() => scenario('')).toThrow('other.yaml: it has no steps')
})
