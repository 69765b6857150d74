import { describe, expect, test } from 'vitest'
import { EINVAL, VnetError } from '#src/base/errno.ts'
import { describeException, isOwnDefect, stackFrame } from '#src/base/exception.ts'
import {
  LOGLEVEL_DEBUG,
  LOGLEVEL_ERR,
  LOGLEVEL_INFO,
  LOGLEVEL_WARNING,
  Log,
} from '#src/base/log.ts'
import { random } from '#src/base/random.ts'

describe('a log', () => {
  function logAt(level: number) {
    const lines: [number, string][] = []
    return { lines, log: new Log(level, (at, text) => lines.push([at, text])) }
  }

  test('a log writes lines at its level or more urgent', () => {
    for (const [level, count] of [
      [LOGLEVEL_ERR, 1],
      [LOGLEVEL_WARNING, 2],
      [LOGLEVEL_INFO, 3],
      [LOGLEVEL_DEBUG, 4],
    ] as const) {
      const { log, lines } = logAt(level)
      log.err('a')
      log.warn('b')
      log.info('c')
      log.debug('d')
      const all = [LOGLEVEL_ERR, LOGLEVEL_WARNING, LOGLEVEL_INFO, LOGLEVEL_DEBUG].map((at, i) => [
        at,
        'abcd'[i],
      ])
      expect(lines).toEqual(all.slice(0, count))
    }
  })

  test('a log prefixes each line with its device name and writes one line per message', () => {
    const { log, lines } = logAt(LOGLEVEL_INFO)
    log.named('vnet0').info('two\n  lines\n')
    log.named('a').named('b').info('c')
    expect(lines.map(([, text]) => text)).toEqual(['vnet0: two | lines | ', 'b: c'])
  })
})

const NODES_ERROR = { errno: -2, code: 'ENOENT', syscall: 'open', path: '/a' }

describe('an exception', () => {
  test('an exception names no line of a bundle or of an exercise, only of a driver', () => {
    const thrownIn = (...places: string[]) => {
      const error = new VnetError(EINVAL, 'dev_open a0')
      error.stack = [`${error}`, ...places.map(place => `    at ${place}`)].join('\n')
      return describeException(error)
    }
    const inBundle = 'another (http://127.0.0.1:8080/site/check-worker.js:1:605)'
    const inExercise = 'run (/a/packages/learn/course/05-napi/exercise.js:109:13)'
    expect(thrownIn(inBundle, inExercise)).not.toContain('(at ')
    expect(thrownIn(inBundle, inExercise, 'open (/my.js:3:2)')).toMatch(
      / \(at open \(\/my\.js:3:2\)\)$/,
    )
  })

  test('an exception is described with its message and place', () => {
    expect(describeException(new RangeError('too far'))).toMatch(
      /^RangeError: too far \(at .*log-random-exception\.test\.ts:\d+:\d+\)+$/,
    )
  })

  test('an exception from Node is placed where the program called it', () => {
    try {
      Buffer.alloc(-1)
    } catch (error) {
      expect(describeException(error)).toMatch(
        /^RangeError: .*\(at .*log-random-exception\.test\.ts/,
      )
    }
  })

  test('an error of a disposal is described after the error of its block', () => {
    const both = Object.assign(new Error('disposal'), {
      name: 'SuppressedError',
      error: 'second',
      suppressed: 'first',
    })
    expect(describeException(both)).toBe('first; then second')
  })

  test('an exception that is not an Error, or has no stack, is described as it is', () => {
    const bare = new Error('bare')
    delete bare.stack
    expect([
      describeException('text'),
      describeException(undefined),
      describeException(bare),
    ]).toEqual(['text', 'undefined', 'Error: bare'])
  })

  test('a system error, and a module that is not found, are described without a line of vnet', async () => {
    const library = new URL('../../src/netdev/register.ts', import.meta.url).href
    const place = `at devOpen (${library}:1:1)`
    const refused = Object.assign(new VnetError(EINVAL, 'dev_open a'), {
      stack: `VnetError: a\n    ${place}`,
    })
    const missing = Object.assign(new Error('Cannot find b'), {
      stack: `Error: b\n    ${place}`,
      code: 'ERR_MODULE_NOT_FOUND',
    })
    const defect = Object.assign(new Error('c'), { stack: `Error: c\n    ${place}` })
    expect([refused, missing].map(describeException)).toEqual([
      'VnetError: dev_open a: EINVAL, invalid argument',
      'Error: Cannot find b',
    ])
    expect(describeException(defect)).toMatch(/^Error: c \(at /)
  })

  test('a module of vnet that Node cannot open is described with the limit to raise', () => {
    const library = new URL('../../src/netdev/register.ts', import.meta.url).pathname
    const described = (importer: string) =>
      describeException(
        Object.assign(new Error(`Cannot find module '/a.js' imported from ${importer}`), {
          code: 'ERR_MODULE_NOT_FOUND',
        }),
      )
    expect(described(library)).toMatch(/; raise ulimit -n, or install vnet again$/)
    expect(described('/app/node_modules/@vnet/lab/dist/a.js')).toMatch(
      /; raise ulimit -n, or install vnet again$/,
    )
    expect(described('/my-driver.js')).not.toContain('ulimit')
  })

  test('an error of Node for a system call is described by its path, also with the line of a driver', () => {
    const ofNode = () =>
      Object.assign(new Error('ENOENT: no such file or directory, open "/a"'), NODES_ERROR)
    const own = new URL('../../src/netdev/register.ts', import.meta.url).href
    const inPackage = new URL('../../packages/lab/dist/kernel/joined.js', import.meta.url).href
    const at = (...places: string[]) =>
      describeException(
        Object.assign(ofNode(), {
          stack: ['Error', ...places.map(each => `    at f (${each}:1:2)`)].join('\n'),
        }),
      )
    expect([at(own), at(inPackage), at(inPackage, '/my-driver.js')]).toEqual([
      '/a: no such file or directory',
      '/a: no such file or directory',
      '/a: no such file or directory (at f (/my-driver.js:1:2))',
    ])
  })

  test.each([
    [
      '    at Board.push (blob:http://[::1]:8080/6abf-b033#/my%20driver.js:12:7)',
      'Board.push (/my driver.js:12:7)',
    ],
    ['    at blob:null/6abf-b033#/mirror.js:12:7', '/mirror.js:12:7'],
    ['push@blob:http://[::1]:8080/6abf-b033#/mirror.js:12:7', 'push (/mirror.js:12:7)'],
    [
      'async*init/ndoOpen@blob:http://[::1]:8080/6abf-b033#/mirror.js:12:7',
      'ndoOpen (/mirror.js:12:7)',
    ],
    ['setup/<@blob:http://[::1]:8080/6abf-b033#/mirror.js:12:7', '/mirror.js:12:7'],
    ['@https://vnet.example/base/vnet.js:1:2', 'https://vnet.example/base/vnet.js:1:2'],
    ['Error: nobody@fe80::1:2', undefined],
  ])('the line %s of a browser is read', (line, frame) => {
    expect(stackFrame(line)).toBe(frame)
  })

  test('an exception is a defect of vnet if its code alone was involved', () => {
    const library = new URL('../../src/netdev/net.ts', import.meta.url).href
    const inLibrary = ['Error: boom', `    at flush (${library}:1:1)`].join('\n')
    const thrown = (error: Error, stack: string) => Object.assign(error, { stack })
    expect(isOwnDefect(thrown(new Error('boom'), inLibrary))).toBe(true)
    for (const other of [
      thrown(new Error('called by a driver'), `${inLibrary}\n    at startXmit (/my-driver.js:1:1)`),
      thrown(new VnetError(EINVAL, 'refused by the system'), inLibrary),
      thrown(new Error('of unknown origin'), 'Error: boom'),
      'text',
    ]) {
      expect(isOwnDefect(other)).toBe(false)
    }
  })

  test('an exception that cannot be described is described as such', () => {
    const hidden = Object.assign(new Error('hidden'), { stack: { split: 1 } })
    const hostile = {
      toString() {
        throw new Error('of toString')
      },
    }
    expect([
      describeException(hidden),
      describeException(hostile),
      describeException(Object.create(null)),
    ]).toEqual([
      'Error: hidden',
      'an exception without a description',
      'an exception without a description',
    ])
  })
})

describe('chance', () => {
  const draw = (stream: { next(): number }, n = 50): number[] =>
    Array.from({ length: n }, () => stream.next())

  test('the same seed gives the same numbers, another seed others', () => {
    expect(draw(random(42))).toEqual(draw(random(42)))
    expect(draw(random(42))).not.toEqual(draw(random(43)))
  })

  test('random numbers lie in [0, 1) and spread evenly', () => {
    const numbers = draw(random(1), 10_000)
    expect(numbers.every(x => x >= 0 && x < 1)).toBe(true)
    for (let tenth = 0; tenth < 10; tenth++) {
      const there = numbers.filter(x => Math.floor(x * 10) === tenth).length
      expect(there).toBeGreaterThan(850)
      expect(there).toBeLessThan(1150)
    }
  })

  test('below(n) returns every whole number from 0 to n - 1', () => {
    const stream = random(5)
    const seen = new Set(Array.from({ length: 500 }, () => stream.below(7)))
    expect([...seen].sort()).toEqual([0, 1, 2, 3, 4, 5, 6])
  })

  test('a fork is a stream that later draws do not change', () => {
    const [a, b] = [random(9), random(9)]
    const [fork, same] = [a.fork(), b.fork()]
    draw(a)
    expect(draw(fork)).toEqual(draw(same))
    expect(draw(random(9).fork())).not.toEqual(draw(random(9)))
    const two = random(9)
    expect(draw(two.fork())).not.toEqual(draw(two.fork()))
  })
})
