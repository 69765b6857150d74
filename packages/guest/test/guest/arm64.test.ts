/** A guest of another architecture, by the same clock: Debian's arm64 kernel with busybox. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { cpio } from '../../src/cpio.ts'
import { TIME_ARGUMENTS, TIME_WORDS } from '../../src/machine.ts'
import { ModuleDirectory } from '../../src/modules.ts'
import { CACHE } from '../support/guest-runs.ts'

const directory = freshDirectory()
/** Set-up has unpacked the packages there: scripts/setup/guest-arm64.mjs. */
const debian = join(CACHE, 'arm64')
const [release = ''] = readdirSync(join(debian, 'lib/modules'))
const kernel = {
  release,
  image: join(debian, `boot/vmlinuz-${release}`),
  modules: join(debian, 'lib/modules', release),
}
const LIMIT_MS = 60_000

const INIT = `#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t devtmpfs dev /dev
for module in /modules/*; do insmod $module; done
unshare -n sleep 2d & sleep 1
ip link add near type veth; ip link set veth0 netns $!; ip addr add 198.18.0.1/24 dev near; ip link set near up
far() { nsenter -t $! -n "$@"; }
far ip addr add 198.18.0.2/24 dev veth0; far ip link set veth0 up
look() { echo "$(uname -m) $(date +%FT%H) $(cut -d. -f1 /proc/uptime)"; ping -c 3 198.18.0.2; }
look; sleep 1h; look; cat /proc/sys/kernel/random/uuid /proc/uptime; poweroff -f
`

/** Returns what a guest writes to its console. */
function consoleOf(initramfs: string): string {
  // The counter of this CPU counts instructions, as the time stamp of x86-64 does.
  const cpu = 'cortex-a57,cntfrq=1000000000'
  const words = [
    ...[
      ...TIME_ARGUMENTS,
      '-machine',
      'virt,gic-version=3',
      '-cpu',
      cpu,
      '-m',
      '512',
      '-serial',
      'stdio',
    ],
    ...['-kernel', kernel.image, '-initrd', initramfs, '-append', `console=ttyAMA0 ${TIME_WORDS}`],
  ]
  const { stdout, stderr } = spawnSync('qemu-system-aarch64', words, {
    encoding: 'utf8',
    timeout: LIMIT_MS,
  })
  return stdout + stderr
}

test('an arm64 kernel boots, and pings before and after an hour, twice with the same output', () => {
  const modules = new ModuleDirectory(kernel).inOrder(['veth'])
  const initramfs = join(directory, 'initramfs')
  const files = [
    ...['bin', 'proc', 'dev', 'modules'].map(name => ({ name })),
    { name: 'bin/busybox', content: readFileSync(join(debian, 'bin/busybox')), isProgram: true },
    { name: 'init', content: Buffer.from(INIT), isProgram: true },
    ...modules.map(({ name, content }) => ({ name: `modules/${name}.ko`, content })),
  ]
  writeFileSync(initramfs, cpio(files))
  const first = consoleOf(initramfs)
  const lines = first.split(/\r?\n/)
  const looked = lines.filter(line => line.startsWith('aarch64'))
  expect(looked).toEqual([
    expect.stringMatching(/^aarch64 2026-01-01T00 \d$/),
    expect.stringMatching(/^aarch64 2026-01-01T01 360\d$/),
  ])
  const received = lines.filter(line => line.includes(' packets received'))
  expect(received).toEqual(
    Array(2).fill('3 packets transmitted, 3 packets received, 0% packet loss'),
  )
  expect(consoleOf(initramfs)).toBe(first)
})
