/** Wrong drivers that change what their checks run on. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll } from 'vitest'
import { exerciseOf } from '#support/course.ts'
import { fileDirectory } from '#support/fresh-directory.ts'

const ROOT = join(import.meta.dirname, '../..')

/** A mirror with the parameters of 04-interrupt. That exercise needs an interrupt. */
const MIRROR = `
import { allocEtherdevMqs, defineDriver, ethernet, ethTypeTrans, IFF_NOARP, int, ipv4, netifRx } from 'vnet'
function ndoStartXmit(skb, dev) {
  attack(skb, dev)
  ethTypeTrans(skb, dev)
  ipv4.swapAddresses(skb.bytes, skb.nh)
  ethernet.swapAddresses(skb.bytes, skb.data)
  netifRx(skb)
}
function setup(dev) {
  dev.netdevOps = { ndoStartXmit }
  dev.flags |= IFF_NOARP
}
const init = () => [{ dev: allocEtherdevMqs({ name: 'board%d', setup, priv: {} }), addresses: ['198.18.0.1/24'] }]
const params = Object.fromEntries(['delay', 'slots', 'spurious'].map(name => [name, int({ default: 0, description: name })]))
`
const DRIVER =
  "export const driver = defineDriver({ name: 'board', description: 'a mirror', params, init })"

const PASSED = `JSON.stringify({ end: { title, where: 'memory', result: 'passed' } }) + '\\n'`
const TITLES = `[
  'the driver file loads',
  'has a handler while the interface is up, and only then',
]`

/** Calls a function with each prototype that an object and its properties have. */
const EACH_PROTOTYPE = `
function eachPrototype(root, visit) {
  for (const each of [root, ...Object.values(root)]) {
    if (each === null || typeof each !== 'object') continue
    for (let at = Object.getPrototypeOf(each); at !== null; at = Object.getPrototypeOf(at)) visit(at)
  }
}`

/** Replaces every method of a prototype by one that returns nothing, and reports success. */
const SPOIL = `
function spoil(object) {
  for (const key of Reflect.ownKeys(object)) {
    try { object[key] = () => true } catch {}
    try { Object.defineProperty(object, key, { value: () => true }) } catch {}
  }
}`

interface Attack {
  readonly title: string
  /** Runs when the file is loaded. */
  readonly code?: string
  /** Runs with each frame: `skb`, `dev`. */
  readonly frame?: string
  readonly driver?: string
}

/** Attacks in the JavaScript that a driver shares with its checks. */
export const IN_LANGUAGE: readonly Attack[] = [
  {
    title: 'iterators of arrays that skip the checks',
    code: `const own = Array.prototype[Symbol.iterator]
Array.prototype[Symbol.iterator] = function* () {
  for (const it = own.call(this); ; ) {
    const { done, value } = it.next()
    if (done) return
    yield value?.title === undefined ? value : { ...value, run: async () => {} }
  }
}`,
  },
  {
    title: "the array iterators' next",
    code: 'Object.getPrototypeOf([].values()).next = () => ({ done: true })',
  },
  { title: 'methods of arrays', code: `${SPOIL} spoil(Array.prototype)` },
  { title: 'Array.prototype.join', code: "Array.prototype.join = () => ''" },
  { title: 'methods of Array', code: `${SPOIL} spoil(Array)` },
  {
    title: 'the species of arrays',
    code: `Object.defineProperty(Array, Symbol.species, { value: function () { return [] } })`,
  },
  {
    title: 'the constructor of arrays',
    code: 'Array.prototype.constructor = { [Symbol.species]: function () { return [] } }',
  },
  {
    title: 'promises that never reject',
    code: `const { then } = Promise.prototype
Promise.prototype.then = function (done) { return then.call(this, done, () => done()) }
Promise.prototype.catch = function () { return this }`,
  },
  {
    title: 'methods of Promise',
    code: 'Promise.all = Promise.race = Promise.reject = async () => {}',
  },
  { title: 'the constructor of promises', code: 'Promise.prototype.constructor = function () {}' },
  { title: 'methods of maps', code: `${SPOIL} spoil(Map.prototype)` },
  { title: 'methods of sets', code: `${SPOIL} spoil(Set.prototype)` },
  {
    title: 'methods of weak maps and sets',
    code: `${SPOIL} spoil(WeakMap.prototype); spoil(WeakSet.prototype)`,
  },
  { title: 'call, apply and bind', code: `${SPOIL} spoil(Function.prototype)` },
  {
    title: 'instanceof',
    code: 'Object.defineProperty(Error, Symbol.hasInstance, { value: () => false })',
  },
  { title: 'JSON', code: `${SPOIL} spoil(JSON)` },
  { title: 'Reflect', code: `${SPOIL} spoil(Reflect)` },
  { title: 'methods of Object', code: `${SPOIL} spoil(Object)` },
  {
    title: 'getters on Object.prototype',
    code: `for (const [name, value] of Object.entries({ result: 'passed', seen: undefined, problem: undefined, toJSON: () => ({}) }))
  Object.defineProperty(Object.prototype, name, { get: () => value, set() {} })`,
  },
  {
    title: 'a then on Object.prototype',
    code: 'Object.defineProperty(Object.prototype, "then", { value: done => done() })',
  },
  {
    title: 'the prototype of arrays',
    code: 'Object.setPrototypeOf(Array.prototype, { at: () => undefined })',
  },
  {
    title: 'texts of errors',
    code: "Error.prepareStackTrace = () => ''; Error.captureStackTrace = () => {}",
  },
  { title: 'methods of errors', code: `${SPOIL} spoil(Error.prototype)` },
  {
    title: 'generators',
    code: `${SPOIL} const it = (function* () {})()
for (let at = it; at !== null; at = Object.getPrototypeOf(at)) spoil(at)`,
  },
  {
    title: 'asynchronous functions and generators',
    code: `${SPOIL} for (const each of [async () => {}, async function* () {}, (async function* () {})()]) {
  for (let at = Object.getPrototypeOf(each); at !== null; at = Object.getPrototypeOf(at)) spoil(at)
}`,
  },
  {
    title: 'texts and numbers',
    code: `${SPOIL} spoil(String.prototype); spoil(Number); spoil(Number.prototype)`,
  },
  { title: 'regular expressions', code: `${SPOIL} spoil(RegExp.prototype)` },
  {
    title: 'typed arrays',
    code: `${SPOIL} spoil(Object.getPrototypeOf(Uint8Array).prototype); spoil(Uint8Array.prototype); spoil(DataView.prototype)`,
  },
  { title: 'Math', code: `${SPOIL} spoil(Math)` },
  {
    title: 'Proxy, WeakRef and Symbol',
    code: `${SPOIL} for (const each of [Proxy, WeakRef, Symbol]) spoil(each)`,
  },
  {
    title: 'timers',
    code: 'setTimeout = setInterval = setImmediate = queueMicrotask = clearTimeout = () => {}',
  },
  {
    title: 'text encoders',
    code: `${SPOIL} spoil(TextEncoder.prototype); spoil(TextDecoder.prototype)`,
  },
  { title: 'structuredClone', code: 'structuredClone = value => value' },
  {
    title: 'globals',
    code: `for (const name of Object.getOwnPropertyNames(globalThis)) {
  try { Object.defineProperty(globalThis, name, { value: new Proxy(function () {}, { get: () => () => true }) }) } catch {}
}`,
  },
  {
    title: 'globalThis',
    code: 'globalThis.globalThis = {}; Object.setPrototypeOf(globalThis, { exercise: {} })',
  },
  {
    title: 'the console',
    code: 'for (const name of Object.keys(console)) console[name] = () => true',
  },
  {
    title: 'an end of the process, with status 0',
    code: 'process.exit(0)',
  },
  { title: 'an end of the process with a frame', frame: 'process.exit(0)' },
  { title: 'an end of the process after the checks', code: 'setTimeout(() => process.exit(0), 1)' },
  {
    title: 'results on the console',
    code: `for (const title of ${TITLES}) console.log(${PASSED})`,
  },
  {
    title: 'messages to the parent',
    code: `const line = ${TITLES}.map(title => ({ end: { title, result: 'passed' } }))
for (const name of ['postMessage', 'send']) for (const each of line) globalThis[name]?.(each), process[name]?.(each)`,
  },
  {
    title: 'a module that is a promise',
    driver: 'export const then = done => done({ driver: {} }); export const driver = 0',
  },
  {
    title: 'a driver that is a Proxy',
    driver: `${DRIVER.replace('driver =', 'made =')}
export const driver = new Proxy(made, { get: (each, name) => name in each ? each[name] : () => true })`,
  },
  {
    title: 'parameters that are a Proxy',
    driver: DRIVER.replace(
      'params, init',
      'params: new Proxy(params, { get: (all, name) => all[name] ?? {} }), init',
    ),
  },
  {
    title: 'functions that return promises without end',
    driver: DRIVER.replace('params, init', 'params, init: () => new Promise(() => {})'),
  },
  {
    title: 'an exception that is not an error',
    frame: 'throw { name: "Explained", explanation: undefined }',
  },
  {
    title: 'the classes of the frame',
    frame: `${SPOIL} ${EACH_PROTOTYPE} eachPrototype(skb, spoil)`,
  },
  {
    title: 'the classes of the device',
    frame: `${SPOIL} ${EACH_PROTOTYPE} eachPrototype(dev, spoil)`,
  },
  {
    title: 'the classes of the clock and the memory',
    frame: `${SPOIL} ${EACH_PROTOTYPE} eachPrototype(dev.net, spoil); eachPrototype(dev.net.platform.ports[0], spoil)`,
  },
]

/** Attacks with Node's modules or with other files: the JavaScript sandbox stops them. */
export const WITH_MODULES: readonly Attack[] = [
  {
    title: 'results on the descriptor of the worker',
    code: `const { writeSync } = await import('node:fs')
const { exercise } = await import(process.argv[4] + '/exercise.js')
for (const { title } of exercise.memory) writeSync(3, ${PASSED})
process.exit(0)`,
  },
  {
    title: 'an exercise without checks',
    code: `const { exercise } = await import(process.argv[4] + '/exercise.js')
for (const check of exercise.memory) check.run = () => {}`,
  },
  {
    title: 'breakpoints with a condition',
    code: `const { Session } = await import('node:inspector')
const session = new Session()
session.connect()
session.post('Debugger.enable')
const urlRegex = 'dist/run-memory.js$'
const { readFileSync } = await import('node:fs')
const lines = readFileSync(new URL('../run-memory.js', 'file://' + process.argv[1]), 'utf8').split('\\n')
const lineNumber = lines.findIndex(line => line.includes('const rule ='))
session.post('Debugger.setBreakpointByUrl', { lineNumber, urlRegex, condition: 'problem = undefined, false' })`,
  },
  {
    title: 'the solution',
    driver: "const { driver } = await import(process.argv[4] + '/solution.js'); export { driver }",
  },
]

/** The checks in memory of the exercise. */
const CHECKS = (await exerciseOf('04-interrupt')).memory.length

/** Whether all checks in memory pass. */
function isForged(
  root: string,
  bare: string,
  { code = '', frame = '', driver = DRIVER }: Attack,
): boolean {
  const directory = join(bare, 'student/04-interrupt')
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }')
  writeFileSync(
    join(directory, 'interrupt.js'),
    `import './attack.js'\n${MIRROR}\nfunction attack(skb, dev) {\n${frame}\n}\n${driver}\n`,
  )
  // The driver loads even if the attack is refused.
  writeFileSync(join(directory, 'attack.js'), `try {\n${code}\n} catch {}\n`)
  const exercise = join(root, 'course/04-interrupt')
  const args = [
    join(root, 'dist/commands/check-worker.js'),
    'memory',
    '0',
    exercise,
    join(directory, 'interrupt.js'),
  ]
  const stdio = ['ignore', 'ignore', 'ignore', 'pipe'] as const
  const { output } = spawnSync(process.execPath, args, {
    stdio: [...stdio],
    encoding: 'utf8',
    timeout: 120_000,
  })
  const reports = (output[3] ?? '').split('\n').filter(line => line.includes('"end"'))
  return reports.length >= CHECKS && reports.every(line => line.includes('"result":"passed"'))
}

/** Returns the tests of an attack, with the JavaScript sandbox and without it, for a test file. */
export function forgeries() {
  const bare = fileDirectory()
  beforeAll(() => {
    const copy = (name: string) => cpSync(join(ROOT, name), join(bare, name), { recursive: true })
    for (const name of ['dist', 'course', 'package.json']) {
      copy(name)
    }
    symlinkSync(join(ROOT, '../../node_modules'), join(bare, 'node_modules'))
    writeFileSync(
      join(bare, 'dist/commands/restrict-driver.js'),
      'export function restrictDriver() {}',
    )
  })
  return {
    isForged: (attack: Attack) => isForged(ROOT, bare, attack),
    isForgedBare: (attack: Attack) => isForged(bare, bare, attack),
  }
}
