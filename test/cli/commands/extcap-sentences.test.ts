/** What Wireshark reads: names that are unambiguous, in a grammar that has no escapes. */
import { expect, test } from 'vitest'
import {
  configSentences,
  interfaceSentences,
  interfaceValue,
  linkTypeSentences,
} from '#src/cli/commands/extcap-sentences.ts'
import type { FoundDevice } from '#src/control/index.ts'

const device = (name: string, netns?: string, driver?: string) =>
  ({ ifindex: 1, name, netns, driver, vnet: '/run/vnet/1.sock', pid: 1 }) as FoundDevice

test('each interface has a value of its own, made of letters that are safe in names of files and settings', () => {
  const names: [string, string?][] = [
    ['ca'],
    ['ca', 'red'],
    ['red-ca'],
    ['a', 'red-c'],
    ['a-b', 'c'],
    ['a', '/b'],
    ['%'],
  ]
  const values = names.map(([name, netns]) => interfaceValue({ name, netns }))
  expect(values).toEqual([
    'vnet-ca',
    'vnet-red:ca',
    'vnet-red-ca',
    'vnet-red-c:a',
    'vnet-c:a-b',
    'vnet-%002fb:a',
    'vnet-%0025',
  ])
  // A byte of a name that is not UTF-8.
  expect(interfaceValue({ name: 'x\udcff{}', netns: 'a:b' })).toBe('vnet-a%003ab:x%dcff%007b%007d')
})

test('the interfaces are listed with their drivers and namespaces, and one that stands for all', () => {
  const devices = [device('ca', 'red', 'cable'), device('eth0', undefined, undefined)]
  expect(interfaceSentences(devices, '1.2.3', 'file:///docs/capture.md')).toBe(
    [
      'extcap {version=1.2.3}{help=file:///docs/capture.md}{display=vnet}',
      'interface {value=vnet-red:ca}{display=vnet: ca (cable, in red)}',
      'interface {value=vnet-eth0}{display=vnet: eth0}',
      'interface {value=vnet}{display=vnet: all interfaces}',
      '',
    ].join('\n'),
  )
})

test('without an interface, extcap offers no interface for all of them', () => {
  expect(interfaceSentences([], '1', 'x')).toBe('extcap {version=1}{help=x}{display=vnet}\n')
})

test('a name cannot end a value or a line', () => {
  const text = interfaceSentences([device('a}{b', 'r}\n', 'd')], '1', 'x')
  expect(text.split('\n')[1]).toBe(
    'interface {value=vnet-r%007d%000a:a%007d%007bb}{display=vnet: a)(b (d, in r)\\x0a)}',
  )
})

test('extcap frames are Ethernet, and its options are the filter, drops only and the snaplen', () => {
  expect(linkTypeSentences()).toBe('dlt {number=1}{name=EN10MB}{display=Ethernet}\n')
  const calls = configSentences().matchAll(/^arg \{number=(\d)\}\{call=(--\w+)\}/gm)
  expect([...calls].map(([, number, call]) => [number, call])).toEqual([
    ['0', '--filter'],
    ['1', '--drops'],
    ['2', '--snaplen'],
  ])
})
