import { expect, test } from 'vitest'
import { EACCES, EBUSY, ENODEV, ENOENT, EPERM, EROFS, VnetError } from '#src/base/errno.ts'
import { doctor } from '#src/cli/commands/doctor.ts'
import type { Io } from '#src/cli/process/io.ts'
import type { System } from '#src/linux/requirements.ts'

const LIMITS = `
Max processes             4096                 8192                 processes
Max open files            1024                 unlimited            files
`

/** A machine on which all works. */
const WHOLE: System = {
  arch: 'x64',
  release: '6.6.0-1-amd64',
  groups: [1000],
  open: () => 0,
  mode: () => '666',
  read: path => (path.endsWith('limits') ? LIMITS : '0 2147483647\n'),
  find: program => `/usr/bin/${program}`,
  output: () => '--config-net --dns-forward --no-netns-quit --runas',
  whyNot: { addon: none, namespaces: none, confinement: none, libpcap: none },
  free: () => 2 ** 40,
}

function none(): undefined {}

/** Returns an Io that keeps what is printed. */
function testIo(): Io & { readonly stdout: string } {
  const text = { out: '' }
  return {
    out(more) {
      text.out += more
    },
    err: () => {},
    onEnd: () => () => {},
    get stdout() {
      return text.out
    },
  }
}

/** Returns what `vnet doctor --json` prints about a machine: by name what does not work. */
function refused(machine: Partial<System>) {
  const io = testIo()
  const status = doctor({ json: true }, io, { ...WHOLE, ...machine })
  const lines = io.stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))
  const texts = lines.flatMap(({ works, requirement, text }) =>
    works ? [] : [[requirement, text]],
  )
  return { status, texts: Object.fromEntries(texts) as Record<string, string> }
}

test('on a machine where all works, vnet doctor has status 0, and a line for each requirement', () => {
  const io = testIo()
  expect(doctor({ json: undefined }, io, WHOLE)).toBe(0)
  expect(io.stdout.split('\n').filter(line => !line.startsWith('ok '))).toEqual([''])
  expect(io.stdout).toContain('ok        /dev/net/tun: it opens, and its mode is 666\n')
})

test.each([
  [
    ENOENT,
    'the device is missing: sudo modprobe tun; in a container, start it with --device /dev/net/tun',
  ],
  [ENODEV, 'the kernel has no module for it: sudo modprobe tun'],
  [EACCES, 'its mode is for root alone: sudo chmod 666 /dev/net/tun'],
  [EPERM, 'this container may not use the device: start it with --device /dev/net/tun'],
  [EBUSY, 'device or resource busy'],
])('a device that does not open, by error %i, is missing', (error, text) => {
  expect(refused({ open: () => error })).toEqual({ status: 1, texts: { '/dev/net/tun': text } })
})

test.each<[string, number, Partial<System>, string]>([
  ['addon', 1, { whyNot: { ...WHOLE.whyNot, addon: () => 'it is not built' } }, 'it is not built'],
  [
    'namespaces',
    1,
    { whyNot: { ...WHOLE.whyNot, namespaces: () => 'AppArmor forbids it' } },
    'AppArmor forbids it',
  ],
  ['confinement', 0, { whyNot: { ...WHOLE.whyNot, confinement: () => 'forbidden' } }, 'forbidden'],
  ['libpcap', 0, { whyNot: { ...WHOLE.whyNot, libpcap: () => 'missing' } }, 'missing'],
  [
    'pasta',
    1,
    { find: without('pasta') },
    'the way to the Internet is pasta, which is not installed: sudo apt-get install passt',
  ],
  [
    'pasta',
    1,
    { output: () => '--config-net --dns-forward --runas' },
    'pasta is too old, it has no --no-netns-quit: install a newer version of passt',
  ],
  ['tcx', 0, { release: '6.5.13' }, 'tcx programs need Linux 6.6 or newer'],
  ['tcx', 0, { release: '5.15.0' }, 'tcx programs need Linux 6.6 or newer'],
  [
    'QEMU',
    0,
    { find: without('mksquashfs') },
    'virtual time needs mksquashfs: sudo apt-get install squashfs-tools',
  ],
  ['tshark', 0, { find: without('tshark') }, 'extcap needs tshark: sudo apt-get install tshark'],
  [
    'open files',
    1,
    { read: limits('Max open files   64   1023 files') },
    '1023 at most: raise ulimit -n to 1024 or more',
  ],
  [
    'processes',
    1,
    { read: limits('Max processes    12   unlimited   processes') },
    '12 at most: raise ulimit -u to 64 or more',
  ],
])(
  'without what %s needs, the status is %i and the line says what to do',
  (name, status, machine, text) => {
    expect(refused(machine)).toEqual({ status, texts: { [name]: text } })
  },
)

test.each(['1\t0\n', '0\t999\n', ''])(
  'where net.ipv4.ping_group_range is %j, ping may not pass',
  range => {
    const { status, texts } = refused({ read: path => (path.endsWith('limits') ? LIMITS : range) })
    expect([status, Object.keys(texts)]).toEqual([0, ['ping to the Internet']])
  },
)

test('a disk that is full, and one that is read-only, are two sentences', () => {
  const full = refused({ free: () => 1 })
  expect(full).toEqual({
    status: 1,
    texts: {
      'temporary files': '0 MiB are free: free 64 MiB, or set TMPDIR to another directory',
      cache: '0 MiB are free: free 1024 MiB, or set XDG_CACHE_HOME to another directory',
    },
  })
  const readOnly = () => {
    throw new VnetError(EROFS, ['mkdtemp', 'TMPDIR=/a'], 'set TMPDIR to another directory')
  }
  expect(refused({ free: readOnly }).texts['temporary files']).toBe(
    'TMPDIR=/a: read-only file system; set TMPDIR to another directory',
  )
})

test('no virtual machine runs on another architecture', () => {
  const { status, texts } = refused({ arch: 'arm64' })
  expect([status, texts]).toEqual([
    0,
    {
      QEMU: 'virtual time needs an x86-64 machine, this is arm64',
      'kernel modules': '--kernel needs an x86-64 machine, this is arm64',
    },
  ])
})

test('what is missing is followed by the commands that need it', () => {
  const io = testIo()
  doctor({ json: undefined }, io, { ...WHOLE, open: () => ENODEV, find: without('tshark') })
  expect(io.stdout).toContain(
    'missing   /dev/net/tun: the kernel has no module for it: sudo modprobe tun\n          for all commands with interfaces\n',
  )
  expect(io.stdout).toContain(
    'optional  tshark: extcap needs tshark: sudo apt-get install tshark\n          for vnet extcap\n',
  )
})

function without(program: string): System['find'] {
  return name => (name === program ? undefined : `/usr/bin/${name}`)
}

function limits(line: string): System['read'] {
  return path => (path.endsWith('limits') ? `${line}\n` : '0 2147483647\n')
}
