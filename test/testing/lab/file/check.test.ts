/** Lab files are checked and drawn without making anything. */
import { expect, test } from 'vitest'
import { UsageError } from '../../../../src/base/usage-error.ts'
import { graph } from '../../../../src/testing/lab/file/graph.ts'
import { parseLabFile } from '../../../../src/testing/lab/file/read.ts'

const NET = `namespaces: [laptop, phone, server, backup]
routers:
  internet: { inside: [server] }
  home: { outside: internet, nat: symmetric }
cables:
  back: { ends: [server, backup], wire: { ab: delay 5ms, ba: loss 1% } }
lans:
  wifi: { ports: [home, laptop, phone], network: 198.18.4.0/24, wire: delay 2ms }
`

/** Returns the lines of the error for the file with one text replaced. */
function rejected(from: string, to: string): string[] {
  expect(NET).toContain(from)
  try {
    parseLabFile(NET.replace(from, to), 'net.yaml')
  } catch (error) {
    if (error instanceof UsageError) return error.message.split('\n')
    throw error
  }
  return []
}

test('a lab file has the topology of lab.topology', () => {
  const { topology } = parseLabFile(NET, 'net.yaml')
  expect(topology.namespaces).toEqual(['laptop', 'phone', 'server', 'backup'])
  expect(topology.routers).toEqual({
    internet: { inside: ['server'] },
    home: { outside: 'internet', nat: 'symmetric' },
  })
})

test.each([
  ['backup]', 'backup, Phone]', "1:45: namespaces[4]: namespace 'Phone': the name is taken"],
  ['nat: symmetric', 'nat: symetric', '4:35: routers.home.nat: expected masquerade, full-cone, '],
  ['outside: internet', 'outside: intranet', '4:20: routers.home.outside: the topology has no namespace intranet here'],
  ['outside: internet, ', '', '4:9: routers.home: router home: a NAT needs `outside`'],
  ['[server, backup]', '[server]', '6:9: cables.back: cable back: it has two `ends`'],
  ['[server, backup]', '[server, server]', '6:26: cables.back.ends[1]: server is named twice'],
  ['ends: [server, backup], ', '', '6:9: cables.back: ends is missing'],
  ['ba: loss 1%', 'ba: loss 1x', "6:62: cables.back.wire.ba: '1x' is not a percentage from 0% to 100%"],
  ['delay 2ms }', 'delay 2 }', "8:71: lans.wifi.wire: the time '2' has no unit"],
  ['wire: delay 2ms', 'wires: delay 2ms', '8:65: lans.wifi.wires: unknown key (known: '],
  ['198.18.4.0/24', '198.18.4.1/24', '8:50: lans.wifi.network: expected an IPv4 network of /8 to /30'],
])('a file with a mistake is refused at its line and column: %s becomes %s', (from, to, line) => {
  expect(rejected(from, to)).toEqual([expect.stringContaining(`net.yaml:${line}`)])
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
  n2 --- n4
  n5 --- n4
  n2 ---|"back<br>ab: delay 5ms<br>ba: loss 1%"| n3
  n5 ---|"delay 2ms"| n6
  n0 ---|"delay 2ms"| n6
  n1 ---|"delay 2ms"| n6
`)
})
