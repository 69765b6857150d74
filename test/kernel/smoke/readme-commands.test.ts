/** The commands of the README's section on installation do what it shows, for all users. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ended, onMachine, USER, VNET_ROOTLESS } from '#support/ordinary-user.ts'

const [, section = ''] =
  /^## Install and try it\n(.*?)^## /ms.exec(readFileSync('README.md', 'utf8')) ?? []
const [enter, start = '', look = ''] = [...section.matchAll(/```sh\n(.*?)```/gs)].map(
  ([, text = '']) => text,
)
/** The wire's counters, with spaces as in a pattern. */
const shown = [...look.matchAll(/^# +((?:ab|ba) loss.*?) +- +-$/gm)].map(([, row = '']) =>
  row.replace(/ +/g, ' +'),
)

test.each([
  ['an ordinary user', '666', USER],
  ['root', '600', []],
])('the commands of the README work for %s', (_, mode, by) => {
  expect(enter).toBe('npm start -- rootless -- bash\n')
  expect(shown).toHaveLength(2)
  // The stage that is last in the path of a ping: when it has seen all, so have the others.
  const last = shown.at(-1)
  const script = `
    mkfifo /run/ready
    ${start.replace(/ &\n$/, ' > /run/ready &\n')}
    while read -r line; do [ "$line" = ready ] && break; done < /run/ready
    ${look.replace('-i 0.1', '-i 0.01').replace(/^node dist\/vnet.js wire sn0$/m, `until node dist/vnet.js wire sn0 > /run/wire && grep -qE '${last}' /run/wire; do :; done; cat /run/wire`)}
    wait`.replaceAll(/\bnode dist/g, `'${process.execPath}' dist`)
  const { status, stdout, stderr } = ended([
    ...onMachine({ mode }, [...by, ...VNET_ROOTLESS]),
    'sh',
    '-ec',
    script,
  ])
  expect({ status, stderr }).toEqual({ status: 0, stderr: expect.not.stringMatching(/^vnet: /m) })
  for (const row of shown) {
    expect(stdout).toMatch(new RegExp(row))
  }
  expect(stdout).toContain('tx dropped WIRE_LOSS')
})

test('the first commands of the README show a ping that the driver of vnet0 turns around', () => {
  const readme = readFileSync('README.md', 'utf8')
  const [, commands = ''] = /```sh\nsudo npm start .*\n((?:.*\n)*?)# IP/.exec(readme) ?? []
  const lines = [...readme.matchAll(/^# (IP .*)$/gm)].map(([, line = '']) => line)
  expect(lines).toHaveLength(2)
  const listening =
    '2> /run/tcpdump > /run/frames & tcpdump=$!; until grep -q ^listening /run/tcpdump; do :; done'
  const script = `
    mkfifo /run/ready
    '${process.execPath}' dist/vnet.js --quiet > /run/ready &
    vnet=$!
    while read -r line; do [ "$line" = ready ] && break; done < /run/ready
    ${commands.replaceAll('sudo ', '').replace('-c 2', '--immediate-mode -c 2').replace(/&/, listening)}
    wait $tcpdump
    cat /run/frames
    kill $vnet
    wait`
  const { status, stdout } = ended(onMachine({}, ['unshare', '-n', 'sh', '-ec', script]))
  expect(status).toBe(0)
  for (const line of lines) {
    expect(stdout).toContain(line)
  }
})
