/** Completions and explanations in the editor of a driver. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { editorTypes } from '../../../scripts/editor-types.mjs'
import { infoAt, optionsAt } from '../src/browser/driver-types.ts'
import type { TypeTable } from '../src/browser/text-types.ts'
import { COURSE } from '../src/folder.ts'

const table = editorTypes() as unknown as TypeTable
const drop = readFileSync(join(COURSE, '01-drop/drop.js'), 'utf8')

/** Returns the options for a text with `|` at the cursor. */
function options(marked: string) {
  const at = marked.indexOf('|')
  return optionsAt(table, marked.replace('|', ''), at)?.options ?? []
}
const names = (marked: string) => options(marked).map(({ name }) => name)

/** Returns the explanation at `|`. */
function info(marked: string) {
  const at = marked.indexOf('|')
  return infoAt(table, marked.replace('|', ''), at)
}

test.each([
  ['the usual name of a parameter', 'dev.|', 'watchdogTimeo'],
  ['a part of a member', 'skb.dr|', 'drop'],
  ['a chain of members', 'dev.net.clock.|', 'alarm'],
  ['an element', 'dev.tx[0].|', 'wake'],
  ['the result of a call', 'dev.txq(skb(1)).|', 'stopped'],
  ['an optional chain', 'dev.port?.|', 'queues'],
  ['a namespace', 'ipv4.|', 'swapAddresses'],
  [
    'a parameter with a type',
    "/** @param {import('vnet').Ring} waiting */\nx => waiting.|",
    'shift',
  ],
  [
    'a typedef of the text',
    "/** @typedef {import('vnet').TxQueue} Q */\n/** @param {Q} to */ to.|",
    'wake',
  ],
  ['a new object', 'const poll = new Napi(dev, run)\npoll.|', 'completeDone'],
  ['a variable', 'const later = dev.net.clock.alarm(() => ring())\nlater.|', 'cancel'],
  ['a field of an object', 'const { clock: _, net } = dev\nnet.|', 'clock'],
  ['a cast', "const first = /** @type {import('vnet').SkBuff} */ (ring.shift())\nfirst.|", 'len'],
  [
    "the driver's data",
    '/** @typedef {{ frames: number, ring: Ring }} Priv */\ndev.priv.|',
    'frames',
  ],
  [
    "a member of the driver's data",
    '/** @typedef {{ frames: number, ring: Ring }} Priv */\ndev.priv.ring.|',
    'push',
  ],
  [
    "an object in the driver's data",
    '/** @typedef {{ params: { delay: number } }} Priv */\nconst params = {}\ndev.priv.params.|',
    'delay',
  ],
  [
    'properties',
    '/**\n * @typedef {object} Priv\n * @property {Napi} napi\n */\ndev.priv.napi.|',
    'schedule',
  ],
  ['an import', "import { allo| } from 'vnet'", 'allocEtherdevMqs'],
  ['an import of the drivers', "import { s| } from 'vnet/drivers'", 'snull'],
  ['an import of the PCI functions', "import { dma| } from 'vnet/pci'", 'dmaMapSingle'],
  ['the type of a card', "/** @param {import('vnet/pci').|", 'PciDev'],
  ['the type of a parameter', "/** @param {import('vnet').|", 'NetDevice'],
  ["a driver's function", 'dev.netdevOps = { ndo|', 'ndoStartXmit'],
])('completes after %s', (_, text, name) => {
  expect(names(text)).toContain(name)
})

test.each([
  ['an unknown variable', 'other.|'],
  ['an unknown member', 'dev.nothing.|'],
  ['a number', '1.|'],
  ['a variable of itself', 'const a = b\nconst b = a\nconst a = b\nb.|'],
  ['a name of Object', 'constructor.|'],
  ['an annotation that is not complete', '/** @param {(skb} sent */ sent.|'],
])('completes nothing after %s', (_, text) => {
  expect(names(text)).toEqual([])
})

test('the members of one name have one type, which completions rely on', () => {
  const typed = Object.values(table.types).flatMap(members =>
    Object.entries(members).flatMap(([name, [, , type]]) =>
      type === undefined ? [] : [`${name}: ${type}`],
    ),
  )
  const names = [...new Set(typed)].map(each => each.replace(/:.*/, ''))
  expect(new Set(names).size).toBe(names.length)
})

test('an option has its signature and first sentence, and no type is offered as a value', () => {
  expect(options('skb.|').find(({ name }) => name === 'drop')).toMatchObject({
    code: 'drop(reason?: number): void',
    doc: expect.stringMatching(/^\S.*\.$/),
  })
  expect(names('|')).toContain('SkbError')
  expect(names('|')).not.toContain('NetDeviceOps')
})

test('an option imports its name, unless the text does', () => {
  const imports = (text: string, name: string) =>
    options(text).find(each => each.name === name)?.imports
  const at = drop.indexOf(' allocEtherdevMqs')
  expect(imports(`${drop}|`, 'IFF_NOARP')).toEqual({ from: at, insert: ' IFF_NOARP,' })
  expect(imports(`${drop}|`, 'defineDriver')).toBeUndefined()
  expect(imports('|', 'Ring')).toEqual({ from: 0, insert: "import { Ring } from 'vnet'\n" })
  const solution = readFileSync(join(COURSE, '01-drop/solution.js'), 'utf8')
  expect(imports(`${solution}|`, 'Ring')).toEqual({
    from: solution.indexOf('{') + 1,
    insert: '\n  Ring,',
  })
})

test('explains names, members and variables', () => {
  expect(info('dev.mt|u')).toMatchObject({ code: 'mtu: number', from: 4, to: 7 })
  expect(info('netif|Rx(skb)')?.code).toBe('function netifRx(skb: SkBuff): void')
  expect(info('sk|b')?.code).toBe('skb: SkBuff')
  expect(info(drop.replace('NetDevice<', 'Net|Device<'))?.code).toMatch(/^class NetDevice\(/)
  expect(info('nothing|')).toBeUndefined()
  expect(info(' | ')).toBeUndefined()
})
