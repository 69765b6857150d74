/** Wire specs from strangers: the accepted parts of their texts, and the messages about others. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { inOneLine, isSpec, paramsOf, StrangerResources } from '#src/agent/spec.ts'
import { nameIn } from '#src/linux/pcap-filter.ts'
import { freshDirectory } from '#support/fresh-directory.ts'

const directory = freshDirectory()
let files: string

beforeEach(() => {
  files = join(directory, 'files')
  mkdirSync(files)
  writeFileSync(join(directory, 'secret'), 'root:$6$secret\n')
  writeFileSync(join(files, 'slow.trace'), '1\n2\n')
})

const params = (wire: string) => paramsOf({ wire }, new StrangerResources(files))

describe('a text', () => {
  test('is taken with its seed as a number', () => {
    const spec = { wireIn: 'delay 20ms', wireOut: 'loss 1%', seed: '7' }
    expect(paramsOf(spec, new StrangerResources())).toEqual({
      ...spec,
      wire: undefined,
      seed: 7,
      scenario: undefined,
    })
    expect([isSpec(spec), isSpec({ seed: '7' })]).toEqual([true, false])
  })

  test('a mistake is one line with the column, however long the text is', () => {
    const long = 'match udp ( delay 1ms ) | '.repeat(20)
    expect(() => params('delay 20ms los 1%')).toThrow(
      /^wire, column 12: 'los' is not a word of a wire[^\n]*$/,
    )
    expect(() => params(`${long}los 1%`)).toThrow(/^wire, column 521: [^\n]*$/)
  })

  test.each(['-1', '4294967296', '0x7', '7; reboot', ''])('the seed %j is refused', seed => {
    expect(() => paramsOf({ wire: '', seed }, new StrangerResources())).toThrow(
      /^seed: it must be a whole number/,
    )
  })

  test('more than 4096 bytes are refused', () => {
    expect(() => params('delay 1ms'.padEnd(4096))).not.toThrow()
    expect(() => params('delay 1ms'.padEnd(4097))).toThrow(
      'wire: it has 4097 bytes: at most 4096 are taken',
    )
    expect(() => params('ä'.repeat(2049))).toThrow('it has 4098 bytes')
  })

  test('more than 32 stages are refused, also inside of others', () => {
    const stages = (n: number) => Array(n).fill('delay 1ms').join(' | ')
    expect(() => params(stages(32))).not.toThrow()
    expect(() => params(stages(33))).toThrow('wire: it has 33 stages: at most 32 are taken')
    expect(() => params(`match udp ( ${stages(16)} ) else ( ${stages(16)} )`)).toThrow(
      'it has 33 stages',
    )
  })
})

test('a stage of one’s own, which is code, is refused', () => {
  expect(() => params('stage odd 5')).toThrow(/^wire, .*stage odd: own stages are not taken here/)
})

describe('copies', () => {
  const twice = (n: number) => Array(n).fill('duplicate 1%').join(' | ')

  test.each([
    [twice(4)],
    [`${twice(3)} | duplicate arp first 1`],
    [`match udp ( ${twice(4)} ) else ( ${twice(4)} )`],
    [`${twice(2)} | match udp ( match syn ( ${twice(2)} ) )`],
  ])('%s makes 16 packets of one, and is taken', wire => {
    expect(() => params(wire)).not.toThrow()
  })

  test.each([
    [twice(5), 32],
    [twice(31), 2 ** 31],
    [`${twice(4)} | duplicate arp first 1`, 32],
    [`${twice(3)} | match udp ( loss 1% ) else ( ${twice(2)} )`, 32],
    [`match udp ( ${twice(2)} | match syn ( ${twice(3)} ) )`, 32],
  ])('%s is refused with one line', (wire, copies) => {
    expect(() => params(wire)).toThrow(
      `wire: its stages make ${copies} packets of one: at most 16 are taken`,
    )
  })
})

describe('a filter', () => {
  test.each([
    'tcp port 80',
    'host 192.0.2.1 and not (udp portrange 5000-6000)',
    'net 2001:db8::/32 or ether host 02:00:00:00:00:01',
    'tcp[tcpflags] & (tcp-syn|tcp-ack) != 0 && greater 100',
    'ip proto 17 and icmp[icmptype] = icmp-echo',
    'vlan 7',
    'llc or isis',
    'ip[0] & 0xf != 5',
  ])('%s is taken', filter => {
    expect(nameIn(filter)).toBeUndefined()
  })

  test.each([
    ['host metadata.example', 'metadata.example'],
    ['tcp port http', 'http'],
    ['ether host router', 'router'],
    ['net loopback', 'loopback'],
    ['host 192.0.2.1 or localhost', 'localhost'],
    ['ip proto \\ospf', '\\ospf'],
  ])('%s is refused, because a name would be looked up', (filter, name) => {
    expect(() => params(`match '${filter}' ( loss 1% )`)).toThrow(
      `filter '${filter}': '${name}' is not a word of pcap-filter(7), and names are not looked up here: write numbers`,
    )
  })

  test('a filter that would take long to compile is refused', () => {
    const filter = Array(30).fill('tcp port 1').join(' or ')
    expect(() => params(`match '${filter}' ( loss 1% )`)).toThrow(
      'a filter has at most 200 characters here',
    )
  })
})

describe('a file', () => {
  test('is taken by its plain name, also a link below the directory as in a ConfigMap', () => {
    mkdirSync(join(files, '..data'))
    writeFileSync(join(files, '..data', 'a'), '1\n')
    symlinkSync('..data/a', join(files, 'linked.trace'))
    expect(() => params('trace slow.trace')).not.toThrow()
    expect(() => params('trace linked.trace')).not.toThrow()
  })

  test.each(['/etc/shadow', '../secret', 'sub/x', '.hidden', 'nosuch', 'up', 'down', '.'])(
    '%s is refused',
    name => {
      symlinkSync('../secret', join(files, 'up'))
      symlinkSync('/dev/zero', join(files, 'down'))
      expect(() => params(`trace '${name}'`)).toThrow(
        /only plain names of files|there is no such file in --files/,
      )
    },
  )

  test('none is taken without --files', () => {
    expect(() => paramsOf({ wire: 'trace slow.trace' }, new StrangerResources())).toThrow(
      'the daemon has no --files',
    )
  })

  test('no message quotes it', () => {
    writeFileSync(join(files, 'a.trace'), '1\nroot:$6$secret\n')
    writeFileSync(join(files, 'a.yaml'), '- at: 1s\n  wire: root:$6$secret\n')
    expect(() => params('trace a.trace')).toThrow(
      /^wire, column 1: the file a.trace has a mistake in line 2$/,
    )
    const resources = new StrangerResources(files)
    const parse = () => paramsOf({ wire: 'secret' }, resources)
    expect(() => inOneLine('it', resources, () => resources.scenario('a.yaml', parse))).toThrow(
      /^it: the file a.yaml has a mistake in line 2$/,
    )
  })
})
