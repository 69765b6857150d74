/**
 * Tab completion in bash with random interface names, as the root of a container may choose them:
 * it offers the name, quoted, and neither offering it nor running the line runs any part of it.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { Chance } from '#support/fuzz-netlink.ts'
import { list } from '#support/list.ts'
import { runMain } from '#support/run-main.ts'
import { SEED, scaled } from '#support/scale.ts'

/** An even number, because the shell takes two at a time. */
const NAMES = 2 * scaled(12_500)
/** Text that a shell may interpret; `>p` would leave a file. */
const PIECES = [
  ...list('$(>p) `>p` >p ; & | < ( ) { } [ ] $ ${ " \' \\ ! # * ? ~ = - -- a b sn0 @ % ^ , .'),
  ...['\x1b', '\x01', '\x7f', '\xff', '\x9b', 'ö'],
]

const directory = freshDirectory()
const work = freshDirectory()

/** The rule of dev_valid_name: no '/', no ':', no white space, at most 15 bytes. */
function draw(chance: Chance): string {
  let name = ''
  for (let n = 1 + chance.below(5); n > 0; n--) {
    const piece =
      chance.below(4) === 0 ? String.fromCharCode(1 + chance.below(255)) : chance.of(PIECES)
    if (/^[^/:\s]+$/.test(piece) && name.length + piece.length <= 15) {
      name += piece
    }
  }
  return name === '' || name === '.' || name === '..' ? 'a' : name
}

test('bash offers every name as one quoted word and runs none of it', {
  timeout: 900_000,
}, async () => {
  const chance = new Chance(SEED)
  const names = Array.from({ length: NAMES }, () => draw(chance))
  const { stdout: script } = await runMain('completion', 'bash')
  const driver = `${script}
vnet() { printf '%s\\n' "$one" "$two"; }
while LC_ALL=C IFS= read -r one && LC_ALL=C IFS= read -r two; do
  COMP_WORDS=(vnet show '') COMP_CWORD=2
  _vnet
  eval "set -- \${COMPREPLY[*]}"
  LC_ALL=C printf '%s %s\\n' "$#" "$1" "$#" "$2"
done
`
  writeFileSync(join(directory, 'driver.sh'), driver)
  const { status, stdout, stderr } = spawnSync('bash', [join(directory, 'driver.sh')], {
    cwd: work,
    input: Buffer.from(names.map(name => `${name}\n`).join(''), 'latin1'),
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
    maxBuffer: 1 << 30,
  })
  expect([status, stderr.toString('latin1')]).toEqual([0, ''])
  const offered = stdout.toString('latin1').split('\n').slice(0, -1)
  const wrong = names
    .map((name, i) => [`2 ${name}`, offered[i]])
    .filter(([name, got]) => name !== got)
  expect(wrong, `seed ${SEED}`).toEqual([])
  expect(readdirSync(work)).toEqual([])
})
