/** The text of a finding, for an issue of the client's project. */
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  blockOf,
  differenceText,
  type Finding,
  faultText,
  programOf,
} from '../../src/hunt/block.ts'
import type { ClientRun, Content } from '../../src/hunt/client-run.ts'

function content(text: string): Content {
  const start = Buffer.from(text, 'latin1')
  return { length: start.length, sha256: createHash('sha256').update(start).digest('hex'), start }
}

const run = (more: Partial<ClientRun> = {}): ClientRun => ({
  status: 0,
  signal: undefined,
  hung: false,
  out: content(''),
  err: '',
  files: new Map(),
  ms: 120,
  ...more,
})

const WHOLE = 'one\ntwo\nthree\n'
const finding = (more: Partial<Finding> = {}): Finding => ({
  verdict: 'wrong data with status 0',
  point: { fault: 'fin', connection: 1, from: 'server', byte: 30 },
  promise: 'saves the response body\nto the file name provided',
  server: 'python3 httpd.py',
  command: 'perl mirror.pl http://server:8080/chunked',
  clean: { first: run({ files: new Map([['f', content(WHOLE)]]) }), masked: [] },
  seen: run({
    files: new Map([['f', content(`one\n${WHOLE}`)]]),
    err: 'a\nretried | once\n',
    ms: 1260,
  }),
  repeats: { seen: 3, of: 3 },
  plain: {
    text: 'also without vnet',
    isRepeated: true,
    program: "print('```')\n",
    printed: 'ready\nconnection 1: FIN after 30 bytes of turn 2\n',
  },
  versions: {
    lines: ['perl 5.36.0-7+deb12u3 (Debian package perl-base)', 'HTTP::Tiny 0.080'],
    scripts: [{ path: 'mirror.pl', text: 'use HTTP::Tiny;' }],
  },
  ...more,
})

const hashOf = (text: string) => content(text).sha256

test('a block has versions, promise, command, difference and reproducer', () => {
  expect(blockOf(finding())).toBe(`\
### \`perl\`: wrong data with status 0

**Versions**

- perl 5.36.0-7+deb12u3 (Debian package perl-base)
- HTTP::Tiny 0.080

**Documented**

> saves the response body
> to the file name provided

**Command**

\`\`\`sh
perl mirror.pl http://server:8080/chunked
\`\`\`

\`mirror.pl\`:

\`\`\`
use HTTP::Tiny;
\`\`\`

**What happens** if the connection ends by FIN after 30 bytes of the server:

|  | without the fault | with it |
| --- | --- | --- |
| status | 0 after 0.1 s | 0 after 1.3 s |
| standard output | empty | empty |
| file \`f\` | 14 bytes, SHA-256 \`${hashOf(WHOLE)}\` | 18 bytes, SHA-256 \`${hashOf(`one\n${WHOLE}`)}\` |
| last line of standard error | empty | \`retried \\| once\` |

- \`f\` has its first 4 bytes twice: 18 bytes instead of 14

It was so in 3 of 3 repetitions; also without vnet.

**Reproducer**: this server replays the recorded bytes, and needs only Python 3. \
Save it as \`server.py\`, run \`python3 server.py\`, \
let \`server\` be 127.0.0.1 in /etc/hosts, and run the command.

\`\`\`\`python
print('\`\`\`')
\`\`\`\`

It prints:

\`\`\`
ready
connection 1: FIN after 30 bytes of turn 2
\`\`\`

Found with \`vnet explore\`, which tries faults at the bytes of a TCP connection.
`)
})

test('a block names vnet in its last line, and where it says whether it needs it', () => {
  const lines = blockOf(finding()).trimEnd().split('\n')
  expect(
    lines.flatMap((line, i) => (line.includes('vnet') ? [lines.length - i] : [])),
  ).toHaveLength(2)
  expect(lines.at(-1)).toContain('vnet')
})

test('without a reproducer a block has the server and the reason', () => {
  const text = 'no plain reproducer: the connection is TLS, which cannot be replayed'
  const block = blockOf(finding({ plain: { text, isRepeated: false } }))
  expect(block).toContain(`3 of 3 repetitions; ${text}.`)
  expect(block).toContain('at byte 30 of the server, connection 1:\n\n```sh\npython3 httpd.py\n```')
  expect(block).not.toContain('**Reproducer**')
})

test('a program that did not repeat a finding is not shown', () => {
  const text = "not repeated without vnet: the client's verdict there is: error"
  const plain = { text, isRepeated: false, program: 'import socket\n', printed: 'ready\n' }
  const block = blockOf(finding({ plain }))
  expect(block).toContain(text)
  expect(block).not.toContain('import socket')
})

test('a hang and a signal have their times, and masked lines are named', () => {
  const seen = run({ status: null, hung: true, ms: 10_010, files: new Map([['f', content('o')]]) })
  const clean = { first: run(), masked: ['not compared: the log'] }
  const block = blockOf(finding({ verdict: 'hangs', seen, clean, promise: undefined }))
  expect(block).toContain('| killed after 10.0 s, because it had not ended |')
  expect(block).toContain('| file `f` | missing | 1 byte,')
  expect(block).toContain('\n- not compared: the log\n')
  expect(block).not.toContain('Documented')
  const ended = run({ status: null, signal: 'SIGSEGV' })
  expect(blockOf(finding({ seen: ended }))).toContain('| ended by SIGSEGV after 0.1 s |')
})

describe('contents differ', () => {
  test.each([
    ['abcdef', 'abcdef', undefined],
    ['abcdef', 'abc', 'f has only the first 3 of 6 bytes'],
    ['abcdef', '', 'f has only the first 0 of 6 bytes'],
    ['abcdef', 'abcXef', 'f differs from byte 3 on: 6 bytes'],
    ['abcdef', 'abcdefg', 'f differs from byte 6 on: 7 bytes instead of 6'],
    ['abcdef', 'abcabcdef', 'f has its first 3 bytes twice: 9 bytes instead of 6'],
    ['abcdef', 'abcXbcdef', 'f differs from byte 3 on: 9 bytes instead of 6'],
  ])('from %j to %j as: %s', (clean, seen, text) => {
    expect(differenceText('f', content(clean), content(seen))).toBe(text)
  })

  test('past what is in memory', () => {
    const [a, b] = ['x', 'y'].map(end => ({ ...content(`abc${end}`), start: Buffer.from('abc') }))
    expect(differenceText('f', a as Content, b as Content)).toBe('f differs after byte 3: 4 bytes')
  })
})

test.each([
  [
    { fault: 'reset', from: 'client', byte: 1 },
    'the connection is reset after 1 byte of the client',
  ],
  [
    { fault: 'mute', byte: -1 },
    'no packet of the server arrives any more from the SYN of the server',
  ],
  [
    { fault: 'silence', connection: 2 },
    'no packet arrives any more after 30 bytes of the server of connection 2',
  ],
] as const)('a fault %j is a clause', (more, text) => {
  expect(faultText({ ...finding().point, ...more })).toBe(text)
})

test.each(['perl "$VNET_CWD/a.pl"', 'perl "$VNET_CWD"/"a.pl"', 'perl $VNET_CWD/"a.pl"'])(
  'the command %s has no directory of vnet',
  command => {
    expect(blockOf(finding({ command }))).toContain('```sh\nperl "a.pl"\n```')
  },
)

test.each([
  ['wget -O f http://server/', 'wget'],
  ["exec env LANG=C TZ='UTC' /usr/bin/curl -s x", 'curl'],
  [`"./my-client" x`, 'my-client'],
])('the program of %j is %s', (command, name) => {
  expect(programOf(command)).toBe(name)
})
