import { constants } from 'node:os'
import { describe, expect, test } from 'vitest'
import * as errnos from '#src/base/errno.ts'
import {
  EACCES,
  EBUSY,
  EEXIST,
  EINVAL,
  EMFILE,
  ENOENT,
  ENOSPC,
  EPERM,
  errnoName,
  errnoText,
  explain,
  failedCall,
  reasonOf,
  VnetError,
} from '#src/base/errno.ts'
import { check } from '#src/linux/errno.ts'

/** Second names of numbers in the table. */
const ALIASES = new Set(['EWOULDBLOCK', 'EDEADLOCK', 'ENOTSUP'])

describe('the table', () => {
  // Other systems have other numbers.
  test.runIf(process.platform === 'linux')(
    'the errno table agrees with every number that Node knows',
    () => {
      for (const [name, number] of Object.entries(constants.errno)) {
        if (!ALIASES.has(name)) {
          expect([name, errnoName(number)]).toEqual([name, name])
        }
      }
    },
  )

  test('the errno table has each number from 1 to 133 once, except the two that Linux leaves out', () => {
    const numbers = Array.from({ length: 134 }, (_, i) => i + 1)
    expect(numbers.filter(number => errnoName(number) === `E${number}`)).toEqual([41, 58, 134])
    expect(new Set(numbers.map(errnoName)).size).toBe(numbers.length)
  })

  test('each errno constant has its own name', () => {
    for (const [name, value] of Object.entries(errnos)) {
      if (typeof value === 'number') {
        expect(errnoName(value)).toBe(name)
      }
    }
  })
})

test('names and texts take numbers of either sign', () => {
  expect([errnoName(EBUSY), errnoName(-EBUSY)]).toEqual(['EBUSY', 'EBUSY'])
  expect(errnoText(-EBUSY)).toBe('device or resource busy')
  expect([errnoName(524), errnoText(524)]).toEqual(['E524', 'unknown error'])
})

describe('a VnetError', () => {
  test('a VnetError says what failed and why', () => {
    const error = new VnetError(-EBUSY, ['TUNSETIFF', 'vnet0'])
    expect(error).toMatchObject({
      name: 'VnetError',
      code: 'EBUSY',
      errno: EBUSY,
      syscall: 'TUNSETIFF vnet0',
    })
    expect(error.message).toBe('TUNSETIFF vnet0: EBUSY, device or resource busy')
    expect(error.advice).toBeUndefined()
    expect(error).toBeInstanceOf(Error)
  })

  test('a VnetError ends with its advice, on one line', () => {
    const cause = new Error('below')
    const error = new VnetError(EINVAL, 'RTM_NEWADDR', 'the kernel said:\n  too much', { cause })
    expect(error.message).toBe('RTM_NEWADDR: EINVAL, invalid argument; the kernel said: too much')
    expect(error.advice).toBe('the kernel said:\n  too much')
    expect(error.cause).toBe(cause)
  })
})

test.each([
  // [errno, what, advice, sentence]
  [EBUSY, ['TUNSETIFF', 'vnet0'], 'the interface exists', 'vnet0: the interface exists'],
  [EPERM, ['TUNSETIFF', 'vnet0'], 'use sudo', 'vnet0: operation not permitted; use sudo'],
  [EACCES, ['open', '/a'], undefined, '/a: permission denied'],
  [
    EINVAL,
    ['RTM_NEWLINK', 'mtu 7 on tap0'],
    'mtu less\n than minimum',
    'mtu 7 on tap0: mtu less than minimum',
  ],
  [EPERM, ['SET_WIRE', ''], 'only root may set\n wires', 'only root may set wires'],
  [
    EEXIST,
    'address 192.0.2.1/24',
    'eth0 has a route to it',
    'address 192.0.2.1/24: eth0 has a route to it',
  ],
  [EPERM, 'timerfd_create', undefined, 'timerfd_create: EPERM, operation not permitted'],
] as const)(
  'error %i of %j is a sentence without the name of the call, unless nothing else is known',
  (errno, what, advice, text) => {
    expect(explain(new VnetError(errno, what, advice))).toBe(text)
  },
)

test('another error than a failed call is its message', () => {
  expect(explain(new RangeError('too far'))).toBe('too far')
})

test('a failure about another object is the same call, with the same advice and cause', () => {
  const cause = new Error('below')
  const error = new VnetError(EPERM, ['CAPTURE', ''], 'only root', { cause }).about('sn0')
  expect(error.message).toBe('CAPTURE sn0: EPERM, operation not permitted; only root')
  expect(error.cause).toBe(cause)
  expect(new VnetError(EPERM, 'CAPTURE').about('sn0').what).toEqual(['CAPTURE', 'sn0'])
})

test('the reason of a failed call of Node is the text of its number, or its message', () => {
  expect(reasonOf(Object.assign(new Error('ENOENT: no such file'), { errno: -ENOENT }))).toBe(
    'no such file or directory',
  )
  expect([reasonOf(new Error('bad magic')), reasonOf('odd')]).toEqual(['bad magic', 'odd'])
})

const nodes = (code: string, syscall: string, more = {}) =>
  Object.assign(new Error(`${code}: of Node`), { code, errno: -1, syscall, ...more })

test.each([
  // [error of Node, sentence]
  [nodes('ENOENT', 'open', { path: '/a' }), '/a: no such file or directory'],
  [nodes('ENOSPC', 'write'), 'write: ENOSPC, no space left on device'],
  [nodes('EDQUOT', 'mkdir', { path: '/a' }), '/a: quota exceeded'],
  [
    nodes('ENOSPC', 'open', { path: '/tmp/vnet-lab-1/hosts' }),
    '/tmp/vnet-lab-1/hosts: no space left on device; free some space, or set TMPDIR to another directory',
  ],
  [nodes('EROFS', 'copyfile', { path: '/a', dest: '/b' }), '/a to /b: read-only file system'],
  [nodes('EFBIG', 'write'), 'write: file too large; raise ulimit -f'],
  [
    nodes('EMFILE', 'open', { path: '/joined.js' }),
    'this program: too many open files in the process; raise ulimit -n',
  ],
  [
    nodes('ENFILE', 'open', { path: '/a' }),
    '/a: too many open files in the system; raise fs.file-max',
  ],
  [
    nodes('EMFILE', 'watch', { path: '/a' }),
    '/a: too many open files in the process; raise ulimit -n and fs.inotify.max_user_instances',
  ],
  [
    nodes('ENOSPC', 'watch', { path: '/a' }),
    '/a: no space left on device; raise fs.inotify.max_user_watches',
  ],
  [
    nodes('EAGAIN', 'spawn ping', { path: 'ping' }),
    'ping: no more processes and threads can be started; raise ulimit -u',
  ],
  [
    nodes('ECONNREFUSED', 'connect', { address: '192.0.2.1', port: 80 }),
    '192.0.2.1 port 80: connection refused',
  ],
  [
    Object.assign(new Error('EAGAIN'), { code: 'ERR_WORKER_INIT_FAILED' }),
    'a thread: no more processes and threads can be started; raise ulimit -u',
  ],
  [
    Object.assign(new Error('Worker initialization failure: EMFILE'), {
      code: 'ERR_WORKER_INIT_FAILED',
    }),
    'a thread: too many open files in the process; raise ulimit -n',
  ],
  [new VnetError(EMFILE, 'socket'), 'socket: too many open files in the process; raise ulimit -n'],
  [new VnetError(ENOSPC, 'unshare'), 'unshare: ENOSPC, no space left on device'],
] as const)('%s is one sentence: the object, the reason, the remedy', (error, text) => {
  expect(explain(error)).toBe(text)
})

test('the reason of a failed call of Node has the remedy', () => {
  expect(reasonOf(nodes('EFBIG', 'write'))).toBe('file too large; raise ulimit -f')
})

test('an error without a call of the system is a defect', () => {
  expect([new Error('x'), nodes('ERR_INVALID_ARG_TYPE', 'open'), 'text'].map(failedCall)).toEqual([
    undefined,
    undefined,
    undefined,
  ])
})

describe('check', () => {
  test('check returns results', () => {
    expect([check(0, 'close'), check(7, 'open')]).toEqual([0, 7])
  })

  test('check throws failures', () => {
    expect(() => check(-EBUSY, 'bind', 'stop the other one')).toThrow(
      new VnetError(EBUSY, 'bind', 'stop the other one'),
    )
  })
})

test.each([
  ['macOS', { code: 'ENOTEMPTY', errno: -66 }, 'directory not empty'],
  ['Windows', { code: 'ENOENT', errno: -4058 }, 'no such file or directory'],
])('an error of %s has the text of its name, not of its number', (_, error, text) => {
  expect(reasonOf(Object.assign(new Error(''), error))).toBe(text)
})
