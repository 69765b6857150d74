/** The first commands of the README: the driver of vnet0, tcpdump and ping. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ended, onMachine } from '#support/ordinary-user.ts'

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
