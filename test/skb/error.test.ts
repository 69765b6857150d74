import { compileFunction } from 'node:vm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stackFrame } from '#src/base/exception.ts'
import { SkbError, skbPanic } from '#src/skb/error.ts'
import { FRAME_SMALL, SkBuffPool } from '#src/skb/pool.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'

const { prepareStackTrace } = Error

// Stacks are formatted by V8, as users of a driver see them: the test runner formats them
// differently.
beforeAll(() => {
  Reflect.deleteProperty(Error, 'prepareStackTrace')
})

afterAll(() => {
  Error.prepareStackTrace = prepareStackTrace
})

/** The error that a source text throws, run as the body of a function of a new `skb`. */
function thrownBy(source: string, filename = '/my-driver.js'): SkbError {
  const pool = new SkBuffPool({ large: 0, small: 1 })
  const skb = pool.alloc(60) as SkBuff
  try {
    compileFunction(source, ['skb'], { filename })(skb)
  } catch (error) {
    if (error instanceof SkbError) return error
    throw error
  } finally {
    if (pool.out !== 0) {
      skb.free()
    }
  }
  throw new Error('nothing was thrown')
}

const panic = `skb_over_panic: skb_put of 5000 bytes where ${FRAME_SMALL} are left`

describe('a panic names its caller', () => {
  test('a panic names the function, file, line and column of its caller', () => {
    const error = thrownBy('function startXmit() {\n  return skb.put(5000)\n}\nstartXmit()')
    expect(error.message).toBe(`${panic}, by startXmit (/my-driver.js:2:14)`)
    expect(error.caller).toBe('by startXmit (/my-driver.js:2:14)')
  })

  test.each([
    ['skb.put(5000)', 'skb_over_panic'],
    ['skb.push(5000)', 'skb_under_panic'],
    ['skb.pull(5000)', 'skb_over_panic'],
    ['skb.reserve(5000)', 'skb_over_panic'],
    ['skb.reserve(-5000)', 'skb_under_panic'],
    ['skb.trim(-5000)', 'skb_over_panic'],
    ['skb.padto(5000)', 'skb_over_panic'],
  ])('a panic of %s names its caller and the sizes', (call, kind) => {
    const { message } = thrownBy(`function startXmit() {\n${call}\n}\nstartXmit()`)
    const sizes = '-?5000 bytes where \\d+ (are left|fit)'
    expect(message).toMatch(
      new RegExp(`^${kind}: skb_\\w+ (of|to) ${sizes}, by startXmit \\(/my-driver\\.js:2:5\\)$`),
    )
  })

  test.each([
    ['put(1)', 'skb_put'],
    ['push(1)', 'skb_push'],
    ['pull(1)', 'skb_pull'],
    ['reserve(1)', 'skb_reserve'],
    ['trim(1)', 'skb_trim'],
    ['padto(1)', 'skb_put_padto'],
    ['copy()', 'skb_copy'],
    ['clone()', 'skb_clone'],
    ['hold()', 'skb_hold'],
    ['consume()', 'skb_consume'],
    ['drop()', 'skb_drop'],
  ])('%s on a freed frame is a panic that names its caller', (call, verb) => {
    const { message } = thrownBy(`function poll() {\nskb.${call}\n}\nskb.free()\npoll()`)
    const place = 'by poll (/my-driver.js:2:5)'
    expect(message).toBe(
      `${verb} on a freed frame, ${place}: its slot was already given back to the pool`,
    )
  })

  test('a panic names the caller of a second free', () => {
    const { message } = thrownBy('function poll() {\nskb.free()\n}\nskb.free()\npoll()')
    expect(message).toBe(
      'double free, by poll (/my-driver.js:2:5): the frame was already given back to the pool',
    )
  })

  test('a panic names the caller of reserve on a frame that is not empty', () => {
    const { message } = thrownBy('function poll() {\nskb.reserve(2)\n}\nskb.put(3)\npoll()')
    expect(message).toBe(
      'skb_reserve of 2 bytes on a frame of 3, by poll (/my-driver.js:2:5): it must be empty',
    )
  })

  test.each([
    [
      'an operation',
      'const ops = { startXmit() { skb.put(5000) } }; ops.startXmit()',
      'by startXmit',
    ],
    [
      'a function',
      'function startXmit() { skb.put(5000) }; const ops = { ndo: startXmit }; ops.ndo()',
      'by startXmit',
    ],
    ['a method', 'class Nic { poll() { skb.put(5000) } }; new Nic().poll()', 'by Nic.poll'],
    ['a constructor', 'class Nic { constructor() { skb.put(5000) } }; new Nic()', 'by new Nic'],
    [
      'an accessor',
      'const nic = { get frame() { return skb.put(5000) } }; nic.frame',
      'by get frame',
    ],
    ['an arrow function', 'const startXmit = () => skb.put(5000); startXmit()', 'by startXmit'],
  ])('a panic names a caller that is %s', (_, source, name) => {
    expect(thrownBy(source).caller).toMatch(new RegExp(`^${name} \\(/my-driver\\.js:1:\\d+\\)$`))
  })

  test.each([
    ['without a name', '(() => skb.put(5000))()', 'at /my-driver.js:1:12'],
    [
      'without a name, of an object',
      '(function () { skb.put(5000) }).call({})',
      'at /my-driver.js:1:20',
    ],
    ['at the top level', 'skb.put(5000)', 'at /my-driver.js:1:5'],
    ['called by a native function', '[5000].forEach(n => skb.put(n))', 'at /my-driver.js:1:25'],
    ['a native function', '[5000].forEach(skb.put, skb)', 'at /my-driver.js:1:8'],
    ['in an eval', 'eval("skb.put(5000)")', 'at /my-driver.js:1:1'],
  ])('a panic names only the place of a caller that is %s', (_, source, caller) => {
    const error = thrownBy(source)
    expect([error.caller, error.message]).toEqual([caller, `${panic}, ${caller}`])
  })

  test.each([
    ['/a dir (1)/my driver.js', '/a dir (1)/my driver.js'],
    ['file:///a%20dir%20(1)/my-driver.js', '/a dir (1)/my-driver.js'],
    ['file:///drivers/my-driver.js?version=2#x', '/drivers/my-driver.js'],
  ])('a panic in a file %s names the path of the file', (filename, path) => {
    expect(thrownBy('skb.put(5000)', filename).caller).toBe(`at ${path}:1:5`)
    const named = thrownBy('function startXmit() { skb.put(5000) }; startXmit()', filename)
    expect(named.caller).toBe(`by startXmit (${path}:1:28)`)
  })

  test('a panic names a file with a malformed URL as it is', () => {
    expect(stackFrame('    at f (file:///100%/my-driver.js:1:2)')).toBe(
      'f (/100%/my-driver.js:1:2)',
    )
  })

  test('a panic names an async caller, also one that only awaits the call', async () => {
    const pool = new SkBuffPool({ large: 0, small: 1 })
    const skb = pool.alloc(60) as SkBuff
    async function refill() {
      await Promise.resolve()
      skb.put(5000)
    }
    async function wait() {
      await Promise.resolve(5000).then(skb.put.bind(skb))
    }
    await expect(refill()).rejects.toThrow(/, by refill \(.*error\.test\.ts:\d+:\d+\)$/)
    await expect(wait()).rejects.toThrow(/, by wait \(.*error\.test\.ts:\d+:\d+\)$/)
    skb.free()
  })
})

test('a panic with an unknown caller still reports what happened', () => {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    const error = thrownBy('skb.put(5000)')
    expect([error.message, error.caller]).toEqual([panic, undefined])
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
  expect(skbPanic('a', () => {}, 'b').message).toBe('a: b')
})

test('the stack of a panic starts at its caller', () => {
  const { stack } = thrownBy('function startXmit() { skb.put(5000) }\nstartXmit()')
  expect(stack?.split('\n')[0]).toBe(`SkbError: ${panic}, by startXmit (/my-driver.js:1:28)`)
  expect(stack?.split('\n')[1]).toMatch(/^\s+at startXmit \(\/my-driver\.js:1:28\)$/)
})
