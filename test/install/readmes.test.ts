/**
 * Every command and every program of every README and of docs/SKILL.md, with the packed packages in
 * empty projects of an ordinary user, one for each version of Node. It needs the registry of npm,
 * and the Internet.
 */
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { ended, onMachine, USER } from '#support/ordinary-user.ts'
import { NOBODY } from '#support/privileges.ts'
import { LIMIT_MS, packInto, run } from './packed.ts'

const PAGES = [
  'README.md',
  ...readdirSync('packages').map(name => `packages/${name}/README.md`),
  'docs/SKILL.md',
]
const PACKAGES = PAGES.slice(0, -1).map(dirname)
const directory = fileDirectory()
const home = join(directory, 'home')
const USER_ID = `${NOBODY}:${NOBODY}`
let packed: Record<string, string> = {}

/** Lines that do not run as they are printed: the pattern, what runs instead, and why. */
const INSTEAD: readonly [RegExp, (...groups: string[]) => string, string][] = [
  [
    /^npm install (--save-dev )?[^ ]*packed.*/,
    () => ':',
    'the project has installed them from their files',
  ],
  [/^sudo npm start\b.*/, () => 'vnet loop &', 'npm starts it in a clone'],
  [
    /^sudo (tcpdump [^&]*) &.*/,
    (_, words) => `${words} -Z root > packets 2> listening & tcpdump=$!
until grep -q listening listening; do sleep 0.1; done`,
    'a second terminal, where tcpdump may change to a user of its own',
  ],
  [
    /^sudo npm test\b.*/,
    () => 'wait $tcpdump; [ $(wc -l < packets) = 2 ]',
    'the tests are in a clone; tcpdump has its packets by then',
  ],
  [
    /^node [^ ]*create-vnet-driver (\S*).*/,
    (_, name) => `create-vnet-driver ${name} --vnet ${packed.vnet}`,
    'the project has no clone',
  ],
  [/^npm start -- (.*)/, (_, words) => `vnet ${words}`, 'a clone starts vnet by npm'],
  [
    /^npx --no-install vnet check 1$/,
    () => `cp ${SOLUTION} 01-drop/drop.js; vnet check 1`,
    'a learner fills in the driver first',
  ],
  [
    /^npx --no-install vnet grade students.*/,
    () => 'mkdir -p students/one; cp -r 01-drop students/one; vnet grade students/*',
    'a class',
  ],
  [
    /^npx --no-install vnet check --kernel.*/,
    () => ':',
    'test:kernel-module does it: it downloads a kernel',
  ],
  [
    /^npx --no-install (vnet exec .*)/,
    (_, words) => `printf '${RESET_STATS}' > reset_stats; chmod +x reset_stats; ${words}`,
    'its own',
  ],
  [
    /^\.\/my-stack (\S+) (\S+).*/,
    (_, tap, address) => `ip link del ${tap}; started vnet host ${tap} --address ${address}/24`,
    'a stack makes its TAP, like any other',
  ],
  [
    /^dhclient ([^#]*)/,
    (_, words) => `dhclient -d ${OWN_FILES} ${words} & ${LEASED} `,
    'its files are those of root',
  ],
  [
    /^(?:npx --no-install |node dist\/)?vnet(?:\.js)? /,
    () => 'vnet ',
    'npx would stand between a vnet and its pid',
  ],
]
const SOLUTION = 'node_modules/@vnet/learn/course/01-drop/solution.js'
const RESET_STATS = `#!/usr/bin/env python3
import fcntl, socket, struct, sys
request = struct.pack("16sP16x", sys.argv[1].encode(), 0)
fcntl.ioctl(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0x89f0, request)
`.replaceAll('\n', '\\n')
const LEASED = 'until ip address show eth9 | grep -q 198.18; do sleep 0.1; done'
const OWN_FILES =
  '-lf $PWD/leases -pf $PWD/dhclient.pid -e RESOLV=resolv.conf -sf $PWD/dhclient-script.sh'

/** Returns the blocks of a page, in which each command and program must be. */
function blocksOf(page: string): { readonly language: string; readonly text: string }[] {
  const markdown = readFileSync(page, 'utf8')
  const fences = /^```(\w*)\n(.*?)^```$/gms
  expect(markdown.replace(fences, ''), 'code that is not fenced').not.toMatch(/^ {4}/m)
  return [...markdown.matchAll(fences)].map(([, language = '', text = '']) => ({ language, text }))
}

/** At the end, what started() runs in the background ends. started() waits for its first line. */
const STARTED = `
trap 'kill $(jobs -p) 2> /dev/null && wait || :' EXIT
started() {
  fifo=$(mktemp -u); mkfifo "$fifo"
  "$@" > "$fifo" & vnet=$!
  exec 9< "$fifo"
  while read -r line <&9; do case $line in ready*|*http://*) break; esac; done
}
`

/** Returns the shell script for the lines of a block; the rest of it runs in `vnet rootless`. */
function scriptOf(text: string): string {
  const [line = '', rest = ''] = text.split(/\n(.*)/s)
  if (text === '') return ''
  const [pattern, instead] = INSTEAD.find(([each]) => each.test(line)) ?? []
  const command = pattern === undefined ? line : line.replace(pattern, instead as () => string)
  const [enter] = /^vnet rootless (?:--internet )?-- bash\b/.exec(command) ?? []
  if (enter !== undefined) return `${enter} -ec ${quoted(STARTED + scriptOf(rest))}`
  const background = /^(vnet (?!capture).*[^>]) &(?:\s+#.*)?$/.exec(command)?.[1]
  const isAwaited = background !== undefined && !background.includes('>')
  return `${isAwaited ? `started ${background}` : command}\n${scriptOf(rest)}`
}

/**
 * Returns the lines of the sessions of a page, which is one, after a first look with the rights of
 * root. The user has these in namespaces.
 */
function sessionsOf(page: string, blocks: readonly string[]): readonly string[] {
  if (page === 'docs/SKILL.md') return [`vnet rootless -- bash\n${blocks.join('')}`]
  const [first = '', ...others] = blocks
  if (!first.startsWith('sudo ')) return [blocks.join('')]
  return [`vnet rootless --internet -- bash\n${first}`, others.join('')]
}

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`

/** Runs a script as the user in the project, and ends what it has started. */
function runs(project: string, text: string): void {
  const path = `${join(project, 'node_modules/.bin')}:${dirname(process.execPath)}`
  const registry = run('/', 'npm', 'config', 'get', 'registry').trim()
  // npm would act on this repository by its own variables.
  const script = `unset $(compgen -e npm_); cd ${project}; export HOME=${home} CI=1 npm_config_registry=${registry} PATH="${path}:$PATH"
${STARTED}${text}`
  const { status, stderr } = ended([...onMachine({}, USER), 'bash', '-ec', script])
  expect({ status, stderr }, text).toEqual({
    status: 0,
    stderr: expect.not.stringMatching(/^vnet: .*(failed|cannot)/m),
  })
}

beforeAll(() => {
  packed = packInto(directory, PACKAGES)
  mkdirSync(home)
  chmodSync(directory, 0o755)
  run('/', 'chown', USER_ID, home)
}, LIMIT_MS)

describe.each(['20', '22', '24', '26'])('on Node %s', node => {
  const project = join(directory, node)

  beforeAll(() => {
    mkdirSync(project)
    copyFileSync('test/support/dhclient-script.sh', join(project, 'dhclient-script.sh'))
    const devDependencies = { ...packed, vitest: '4.1', node }
    writeFileSync(
      join(project, 'package.json'),
      JSON.stringify({ private: true, type: 'module', devDependencies }),
    )
    run('/', 'chown', '-R', USER_ID, project)
    runs(project, 'npm install --no-audit --no-fund')
    runs(project, `[[ $(node --version) = v${node}.* ]]`)
  }, LIMIT_MS)

  test.each(PAGES)(
    'what %s shows runs',
    page => {
      const blocks = blocksOf(page)
      expect(['sh', 'js']).toEqual(expect.arrayContaining(blocks.map(({ language }) => language)))
      const programs = blocks.filter(({ language }) => language === 'js')
      for (const [i, { text }] of programs.entries()) {
        const isTest = text.includes("from 'vitest'")
        const name = `block-${i}${isTest ? '.test' : ''}.js`
        writeFileSync(join(project, name), text)
        runs(project, isTest ? `vitest run ${name}` : `node ${name}`)
      }
      const shown = blocks.filter(({ language }) => language === 'sh').map(({ text }) => text)
      for (const session of sessionsOf(page, shown)) {
        runs(project, scriptOf(session))
      }
    },
    LIMIT_MS,
  )
})

test('each line that does not run as printed is on a page', () => {
  const lines = PAGES.flatMap(blocksOf).flatMap(({ text }) => text.split('\n'))
  for (const [pattern, , why] of INSTEAD) {
    expect(
      lines.some(line => pattern.test(line)),
      why,
    ).toBe(true)
  }
})
