/** `vnet doctor` on machines that lack something: the sentences of the commands that refuse. */
import { expect, test } from 'vitest'
import {
  asUser,
  ended,
  type Machine,
  onMachine,
  TREE,
  VNET_ROOTLESS,
} from '#support/ordinary-user.ts'

const DOCTOR = [process.execPath, `${TREE}/dist/vnet.js`, 'doctor', '--json']

/** Runs `vnet doctor`. Returns its status, and by name the text of what does not work. */
function doctor(words: readonly string[]) {
  const { status, stdout, stderr } = ended([...words, ...DOCTOR])
  expect(stderr).toBe('')
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))
  const refused = lines
    .filter(({ works }) => !works)
    .map(({ requirement, text }) => [requirement, text] as const)
  return { status, texts: new Map(refused) }
}

/** Denies system calls to the following command. */
const denying = (calls: string) => ['python3', `${TREE}/test/support/deny-calls.py`, calls]

test.each<[string, string, Machine]>([
  ['/dev/net/tun has the mode 600', '/dev/net/tun', { mode: '600' }],
  ['/dev/net/tun is missing', '/dev/net/tun', { mode: 'none' }],
  ['a seccomp filter denies unshare', 'namespaces', { by: denying('unshare') }],
  ['a seccomp filter denies user namespaces', 'namespaces', { by: denying('new-user') }],
])('where %s, an ordinary user gets the sentence of vnet rootless', (_, name, machine) => {
  const { status, texts } = doctor(asUser(machine))
  expect([status, texts.has(name)]).toEqual([1, true])
  expect(ended([...asUser(machine), ...VNET_ROOTLESS, 'true'])).toEqual({
    status: 1,
    stdout: '',
    stderr: expect.stringMatching(/^vnet: .*\n$/),
  })
  const { stderr } = ended([...asUser(machine), ...VNET_ROOTLESS, 'true'])
  expect(stderr.trimEnd()).toContain(texts.get(name))
})

test('where nothing is missing, an ordinary user gets status 0', () => {
  expect(doctor(asUser()).status).toBe(0)
})

/** A PATH with what vnet needs of the machine, and no pasta. */
const WITHOUT_PASTA =
  'mkdir /run/bin; for each in env sh cp; do ln -s $(command -v $each) /run/bin; done; export PATH=/run/bin'
/** A pasta whose --help has one option only, and which refuses the others. */
const OLD_PASTA = `
  mkdir /run/bin; cat > /run/bin/pasta <<'END'
#!/bin/sh
case "$*" in
*--help*) echo "  --config-net" ;;
*) echo "pasta: unrecognized option '--no-netns-quit'" >&2; exit 1 ;;
esac
END
  chmod 755 /run/bin/pasta; export PATH=/run/bin:$PATH`

test('without pasta, the sentence is that of vnet run', () => {
  const words = onMachine({ before: WITHOUT_PASTA }, [])
  const line =
    'the way to the Internet is pasta, which is not installed: sudo apt-get install passt'
  expect(doctor(words)).toMatchObject({ status: 1 })
  expect(doctor(words).texts.get('pasta')).toBe(line)
  const run = [process.execPath, `${TREE}/dist/vnet.js`, 'run', '--quiet', '--', '/bin/true']
  expect(ended([...words, ...run])).toEqual({ status: 1, stdout: '', stderr: `vnet: ${line}\n` })
})

test('with an old pasta, both name an option that it lacks', () => {
  const words = onMachine({ before: OLD_PASTA }, [])
  expect(doctor(words).texts.get('pasta')).toMatch(/^pasta is too old, it has no --dns-forward: /)
  const run = [process.execPath, `${TREE}/dist/vnet.js`, 'run', '--quiet', '--', '/bin/true']
  const line = 'pasta is too old, it has no --no-netns-quit: install a newer version of passt'
  expect(ended([...words, ...run])).toEqual({
    status: 1,
    stdout: '',
    stderr: `vnet: no way to the Internet: ${line}\n`,
  })
})

test('with a TMPDIR that is missing, the sentence is that of a lab', () => {
  const { status, texts } = doctor(onMachine({ before: 'export TMPDIR=/nonexistent' }, []))
  expect([status, texts.get('temporary files')]).toEqual([
    1,
    'TMPDIR=/nonexistent: no such directory; set TMPDIR to another directory',
  ])
})

test('without a home directory, the cache of guests is refused', () => {
  const words = onMachine({ before: 'unset HOME' }, ['setpriv', '--reuid=54321', '--clear-groups'])
  expect(doctor(words).texts.get('cache')).toMatch(
    /^HOME: this user has no home directory; set HOME or XDG_CACHE_HOME$/,
  )
})

test('QEMU is refused by the sentence of vnet guest', () => {
  const words = onMachine({ before: WITHOUT_PASTA }, [])
  const line =
    'virtual time needs qemu-system-x86_64, mksquashfs: sudo apt-get install --no-install-recommends qemu-system-x86 squashfs-tools'
  expect(doctor(words).texts.get('QEMU')).toBe(line)
  const guest = [process.execPath, `${TREE}/dist/vnet.js`, 'guest', '--', 'true']
  expect(ended([...words, ...guest])).toEqual({ status: 1, stdout: '', stderr: `vnet: ${line}\n` })
})
