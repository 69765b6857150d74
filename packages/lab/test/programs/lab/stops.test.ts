/** What --stop-at names, and the lines that a stopped lab gets. */
import { Readable } from 'node:stream'
import { expect, onTestFinished, test, vi } from 'vitest'
import { ProgramMissing } from '../../../../guest/src/run.ts'
import { readLine, StopCommands } from '../../../src/commands/stop-commands.ts'
import { readStop, Stops } from '../../../src/commands/virtual-stops.ts'
import type { FileLab } from '../../../src/file/file-lab.ts'

const links = new Map([
  ['client-server', { wire: '' }],
  ['router/client', { wire: '' }],
])

test.each([
  ['90s', { ms: 90_000 }],
  ['1.5h', { ms: 5_400_000 }],
  ['client-server ab', { link: 'client-server', direction: 'ab', nth: 1 }],
  ['router/client ba nth 17', { link: 'router/client', direction: 'ba', nth: 17 }],
  [
    'client-server ab tcp port 80',
    { link: 'client-server', direction: 'ab', filter: 'tcp port 80', nth: 1 },
  ],
  [
    'client-server ba "udp" nth 2',
    { link: 'client-server', direction: 'ba', filter: 'udp', nth: 2 },
  ],
])('the stop %s is read', (text, stop) => {
  expect(readStop(text, links)).toEqual({ text, ...stop })
})

test.each([
  [
    'soon',
    /^--stop-at soon: expected a time, such as 90s, or a packet, such as 'client-server ab nth 17'$/,
  ],
  ['client-server', /expected a time/],
  ['client-server ac nth 1', /expected a time/],
  ['90', /^--stop-at 90: .*unit/],
  ['25h0', /^--stop-at 25h0: .*not a duration/],
  ['600h', /^--stop-at 600h: at most 24 days$/],
  [
    'other ab nth 1',
    /^--stop-at other ab nth 1: the lab has no link other; it has client-server, router\/client$/,
  ],
  ['client-server ab tcp prt 80', /^--stop-at client-server ab tcp prt 80: .*tcp prt 80/],
  ['client-server ab nth 0', /^--stop-at client-server ab nth 0: /],
])('the stop %s is refused in a line', (text, line) => {
  expect(() => readStop(text, links)).toThrow(line)
})

test('stops of which one cannot be set leave no timer', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const count = async (_direction: string, filter?: string) => {
    if (filter !== undefined) throw new Error('no room')
  }
  const running = { links: ['client-server'], link: () => ({ count }) } as unknown as FileLab
  const stops = ['90s', 'client-server ab udp nth 1'].map(text => readStop(text, links))
  const options = { run: async () => 0, log: () => {}, began: performance.now() }
  await expect(Stops.start(stops, running, options)).rejects.toThrow('no room')
  expect(vi.getTimerCount()).toBe(0)
})

const hosts = ['client', 'server']

test.each([
  ['continue', { reply: {} }],
  ['step', { reply: { step: true } }],
  ['quit', 'quit'],
  ['ip route', { reply: { host: 'client', line: 'ip route', looks: true } }],
  ['server: ss -t', { reply: { host: 'server', line: 'ss -t', looks: true } }],
  ['do server: ip link set lo up', { reply: { host: 'server', line: 'ip link set lo up' } }],
  ['do reboot', { reply: { host: 'client', line: 'reboot' } }],
  ['download: x', { error: 'the lab has no host download; it has client, server' }],
])('the line %s has its meaning', (line, meaning) => {
  expect(readLine(line, hosts)).toEqual(meaning)
})

function commandsOf(text: string) {
  const printed = { out: '', err: '' }
  const io = {
    out: (more: string) => {
      printed.out += more
    },
    err: (more: string) => {
      printed.err += more
    },
  }
  return { printed, commands: new StopCommands({ hosts, input: Readable.from([text]), io }) }
}

const stop = { why: '5s', guestNs: 5_000_000_123 }
const seen = async () => JSON.stringify({ status: 3, stdout: 'out\n', stderr: 'err\n' })
const unseen = () => Promise.reject(new Error('a look'))

test('a command that looks is printed with its output, and the reply is the next line', async () => {
  const { commands, printed } = commandsOf('# a comment\n\nip route\nstep\n')
  expect(await commands.start()(stop, seen)).toBe('{"step":true}')
  expect(printed.out).toBe('out\n')
  expect(printed.err).toBe(
    [
      'vnet: stopped after 5.000000123 s: 5s',
      'vnet> # a comment',
      'vnet> ',
      'vnet> ip route',
      'err',
      'vnet: the command has ended with status 3',
      'vnet> step',
      '',
    ].join('\n'),
  )
})

test('a command that the end of the run kills says that the run ended first', async () => {
  const { commands, printed } = commandsOf('vnet stats link\nstep\n')
  await commands.start()(stop, async () => JSON.stringify({ status: 137, stdout: '', stderr: '' }))
  expect(printed.err).toContain('vnet: the run ended before the command: stop it earlier\n')
  expect(printed.err).not.toContain('137')
})

test('a later run gets the replies of the run before, and looks at nothing', async () => {
  const { commands, printed } = commandsOf('ls\ndo ls\ncontinue\n')
  const first = commands.start()
  const replies = [await first(stop, seen), await first(stop, seen)]
  expect(replies).toEqual(['{"host":"client","line":"ls"}', '{}'])
  const before = printed.err
  const second = commands.start()
  expect([await second(stop, unseen), await second(stop, unseen)]).toEqual(replies)
  expect(printed.err).toBe(before)
})

test('two runs at the same time share the lines', async () => {
  const { commands, printed } = commandsOf('do ls\ncontinue\n')
  const [one, other] = [commands.start(), commands.start()]
  const both = () => Promise.all([one(stop, unseen), other(stop, unseen)])
  const act = '{"host":"client","line":"ls"}'
  expect([await both(), await both()]).toEqual([
    [act, act],
    ['{}', '{}'],
  ])
  expect(printed.err.match(/^vnet> /gm)).toHaveLength(2)
})

test('the end of the input continues, at each later stop too', async () => {
  const onStop = commandsOf('').commands.start()
  expect([await onStop(stop, unseen), await onStop(stop, unseen)]).toEqual(['{}', '{}'])
})

test('a look that lacks a program is repeated when the run starts again', async () => {
  const { commands, printed } = commandsOf('nmap server\ncontinue\n')
  const lacking = () => Promise.reject(new ProgramMissing('nmap'))
  await expect(commands.start()(stop, lacking)).rejects.toThrow('nmap')
  expect(await commands.start()(stop, seen)).toBe('{}')
  expect(printed.out).toBe('out\n')
})

test.each(['x', 'null', '{"status":0}'])(
  'a program that stops the copy for %s is reported',
  async why => {
    const { commands, printed } = commandsOf('ls\ncontinue\n')
    expect(await commands.start()(stop, async () => why)).toBe('{}')
    expect([printed.out, printed.err]).toEqual([
      '',
      expect.stringContaining('vnet: a program in the guest has stopped it\n'),
    ])
  },
)

test('quit ends the run', async () => {
  await expect(commandsOf('quit\n').commands.start()(stop, unseen)).rejects.toThrow('quit')
})
