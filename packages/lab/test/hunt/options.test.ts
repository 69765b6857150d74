/** The options of an exploration of commands. */
import { expect, test } from 'vitest'
import { adviceFor, type HuntCliOptions, huntOptions } from '../../src/hunt/options.ts'
import { clientWords } from '../../src/hunt/warm.ts'

const NONE: HuntCliOptions = {
  server: undefined,
  ready: undefined,
  client: undefined,
  endsWithin: undefined,
  errors: undefined,
  labs: undefined,
  fresh: undefined,
  warm: undefined,
}
const SHARED = { faults: undefined, promise: undefined, budget: undefined }
const BOTH = { ...NONE, server: 'httpd', client: ['curl server'] }

test('the options have defaults', () => {
  expect(huntOptions(undefined, [], BOTH, SHARED)).toEqual({
    server: 'httpd',
    clients: ['curl server'],
    ready: undefined,
    within: 10_000,
    errors: undefined,
    labs: 4,
    faults: ['fin', 'reset', 'silence', 'mute'],
    promise: undefined,
    fresh: false,
    warm: undefined,
    budget: undefined,
  })
  const given = { faults: ['reset', 'fin', 'reset'], promise: 'it works', budget: '2s' }
  expect(
    huntOptions(undefined, [], { ...BOTH, endsWithin: 500, errors: [1], labs: 2 }, given),
  ).toMatchObject({
    within: 500,
    errors: [1],
    labs: 2,
    faults: ['reset', 'fin'],
    promise: 'it works',
    budget: 2000,
  })
})

test('without a server they are of a lab or a scenario, and its own options are refused', () => {
  expect(huntOptions('net.yaml', ['curl'], NONE, SHARED)).toBeUndefined()
  expect(() => huntOptions('net.yaml', [], { ...NONE, ready: 'up' }, SHARED)).toThrow(
    '--ready: only with --server, which it belongs to',
  )
  expect(() => huntOptions('net.yaml', [], { ...NONE, endsWithin: 1 }, SHARED)).toThrow(
    '--ends-within: only with --server, which it belongs to',
  )
})

test.each([
  [
    'net.yaml',
    [],
    BOTH,
    {},
    'net.yaml: with --server there is no file, and the client is --client',
  ],
  [
    undefined,
    ['curl'],
    BOTH,
    {},
    'curl: with --server there is no file, and the client is --client',
  ],
  [
    undefined,
    [],
    { server: 'x' },
    {},
    "--server: give the command of the client, too: --client 'curl server'",
  ],
  [undefined, [], BOTH, { timeout: 1 }, '--timeout: not with --server: --ends-within'],
  [undefined, [], BOTH, { stopAt: 1 }, '--stop-at: not with --server'],
  [undefined, [], BOTH, { captures: false }, '--captures: not with --server'],
  [
    undefined,
    [],
    BOTH,
    { faults: ['drop'] },
    "--faults: 'drop' is not a fault of commands, which are fin, reset, silence, mute",
  ],
  [
    undefined,
    [],
    { ...BOTH, client: ['a | b'], warm: 'x' },
    {},
    "--client 'a | b': with --warm it is a script and arguments; it is for a shell, by its |",
  ],
])('%s %j with %j and %j is refused in a line', (file, command, own, others, message) => {
  const refused = () => huntOptions(file, command, { ...NONE, ...own }, { ...SHARED, ...others })
  expect(refused).toThrow(message)
  expect(refused).not.toThrow('\n')
})

test('words of a client are joined by quotes, as in a shell', () => {
  expect(clientWords(`get.py 'a b'  "c" x'y'z http://server:8080/`)).toEqual([
    'get.py',
    'a b',
    'c',
    'xyz',
    'http://server:8080/',
  ])
  expect(() => clientWords('get.py "a')).toThrow('it is for a shell, by its "')
  expect(() => clientWords(' ')).toThrow('it is empty')
})

test('a client that names a file of this directory is reported with the place of the file', () => {
  expect(adviceFor('python3 package.json x')).toBe(
    '; it runs in an empty directory, where this file is $VNET_CWD/package.json',
  )
  expect(adviceFor('curl -o /tmp/x http://server/')).toBe('')
})
