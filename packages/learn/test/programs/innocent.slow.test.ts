/** Drivers with properties named like the properties of frozen objects. */
import { expect, test } from 'vitest'
import { failureOf, solution } from '#support/course-worker.ts'

/** What a driver assigns, and the code that does it. */
const ASSIGNED: readonly (readonly [string, string])[] = [
  ['toString of an object', "const o = {}; o.toString = () => 'own'; verify(String(o) === 'own')"],
  ['a class field', 'class A extends Map { get = 5 }; verify(new A().get === 5)'],
  [
    'a method of an array',
    'const list = [1]; list.map = list.shift = 7; verify(list.map === 7 && list.at(0) === 1)',
  ],
  [
    'the constructor of a prototype',
    `function Own() {}
Own.prototype = Object.create(Error.prototype)
Own.prototype.constructor = Own
const plain = Object.create({})
plain.constructor = Own
verify(new Own().constructor === Own && new Own() instanceof Error && plain.constructor === Own)`,
  ],
  [
    'name and message of an error',
    "class Own extends TypeError { constructor() { super(); this.name = 'Own'; this.message = 'm' } }; verify(String(new Own()) === 'Own: m')",
  ],
  ['a static method', 'class Own extends Array {}; Own.from = () => 3; verify(Own.from() === 3)'],
  ['call of a function', 'const f = () => {}; f.call = 3; verify(f.call === 3)'],
  [
    'a key of a record',
    "const counts = {}; for (const k of ['valueOf', 'a']) counts[k] = 1; verify(Object.keys(counts).length === 2)",
  ],
  [
    'a method of a device',
    'const { prototype } = NetDevice; const dev = Object.create(prototype); dev.txq = 3; verify(dev.txq === 3)',
  ],
  ['the depth of stacks', 'Error.stackTraceLimit = 3; verify(Error.stackTraceLimit === 3)'],
]

test('a driver that assigns its own properties passes the checks', async () => {
  const text = ASSIGNED.map(
    ([name, code]) => `{
const verify = holds => { if (!holds) throw new Error(${JSON.stringify(`${name} is not its own`)}) }
${code}
}`,
  ).join('\n')
  expect(await failureOf(`import { NetDevice } from 'vnet'\n${text}\n${solution}`)).toBeUndefined()
})

test('a driver cannot replace what its checks call, and the failure has its line', async () => {
  const failure = await failureOf(`Array.prototype.join = () => ''\n${solution}`)
  expect(failure?.seen).toMatch(/TypeError: join is read-only: .* \(at .*driver\.mjs:1:22\)$/)
})
