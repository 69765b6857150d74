import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { attached } from '#src/control/protocol/attachment.ts'
import { wireChange } from '#src/control/protocol/wire-request.ts'
import { DirectedWire } from '#src/wire/directed-wire.ts'
import { noResources } from '#src/wire/grammar/groups.ts'
import { parseWire } from '#src/wire/parse.ts'
import type { Impairment } from '#src/wire/wire.ts'
import { OwnStages } from '#src/wire/wire-resources.node.ts'
import { fileDirectory, written } from '#support/fresh-directory.ts'
import { memoryNets } from '#support/memory-net.ts'
import { plainFrame, testWires } from '#support/wire.ts'

const makeNet = memoryNets()
const makeWire = testWires()
const directory = fileDirectory()
const own = new OwnStages()
const resources = { ...noResources, stage: own.get.bind(own) }

const write = (name: string, text: string) => written(directory, name, text)

beforeAll(async () => {
  const odd = `export function odd(next, env) {
    let n = 0
    return { push: skb => (++n % 2 === 0 ? env.drop(skb, 'odd') : next.push(skb)) }
  }`
  const page = readFileSync('docs/write-a-wire.md', 'utf8')
  const [every = ''] = /^export function every.*?^}$/ms.exec(page) ?? []
  const all =
    'export const all = (next, env, ...values) => ({ push: skb => env.drop(skb, JSON.stringify(values)) })'
  await own.load(write('odd.mjs', odd))
  await own.load(write('every.mjs', `${every}\n${all}\n`))
})

test('a stage of a file has its name, its text, and its place in a group', () => {
  const stages = parseWire('delay 5ms stage odd loss 0%', resources)
  expect(stages.map(({ kind, text }) => [kind, text])).toEqual([
    ['loss', 'loss 0%'],
    ['odd', 'stage odd'],
    ['delay', 'delay 5ms'],
  ])
})

test('a change of other stages keeps an own stage and its counts', () => {
  const wire = makeWire(parseWire('stage odd', resources))
  wire.sendFrame(plainFrame(100))
  wire.chain.set(parseWire('stage odd | stage odd | loss 0%', resources))
  wire.sendFrame(plainFrame(100))
  expect(
    wire.chain.report().map(({ stage, in: entered, drops }) => [stage, entered, drops]),
  ).toEqual([
    ['odd', 2, { odd: 1 }],
    ['odd 2', 0, {}],
    ['loss', 0, {}],
  ])
})

test('the values after the name are the last arguments of the function', () => {
  const wire = makeWire(
    parseWire("stage every 2 delay 5ms | stage every 3 stage all '3' 20ms 1.5", resources),
  )
  for (let i = 0; i < 6; i++) {
    wire.sendFrame(plainFrame(100))
  }
  const drops = () =>
    wire.chain.report().map(({ stage, in: entered, drops }) => [stage, entered, drops])
  wire.advance(5e6)
  expect(drops()).toEqual([
    ['every', 6, { every: 3 }],
    ['delay', 3, {}],
    ['every 2', 3, { every: 1 }],
    ['all', 2, { '["3","20ms",1.5]': 2 }],
  ])
  // Other values make another stage, which counts from 0.
  wire.chain.set(parseWire('stage every 2 | stage every 4', resources))
  wire.sendFrame(plainFrame(100))
  expect(drops()).toEqual([
    ['every', 7, { every: 3 }],
    ['every 2', 1, {}],
  ])
})

test('loading a file twice changes nothing, and another file with the same name is refused', async () => {
  const { source } = own.get('odd')
  await own.load(join(directory, 'odd.mjs'))
  expect(own.get('odd').source).toBe(source)
  await expect(own.load(write('other.mjs', 'export const odd = next => next\n'))).rejects.toThrow(
    'odd.mjs has a stage odd too',
  )
})

test('a client names the stages that the program of the wire loaded', () => {
  expect(wireChange('stage odd').attachments).toEqual([])
  const { net } = makeNet()
  const end = { wire: { push: () => {} } }
  const wire = (stage?: (name: string) => Impairment) =>
    new DirectedWire({ direction: 'ab', seed: 1, net, from: end, to: end, stage })
  const loaded = wire(name => own.get(name))
  loaded.change('stage odd', attached([]))
  expect(loaded.report().map(({ stage }) => stage)).toEqual(['odd'])
  expect(() => loaded.change('stage evn', attached([]))).toThrow(
    "'evn' is not a stage: odd, every, all",
  )
  expect(() => wire().change('stage odd', attached([]))).toThrow(
    'stage odd: own stages are not taken here',
  )
})
