/**
 * vnet uses netlink for links, addresses and flags. It starts no other program, except for the
 * command of `vnet exec`, and in namespaces of its own itself or the command of `vnet rootless`.
 * Installing extcap asks tshark for its folders, and a test that has a lab starts its own programs
 * there. `vnet doctor` asks pasta for its options. `explore` runs a scenario in another process,
 * and asks programs for their versions. Another process serves clients without rights.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { sourcesOfPackages } from '#support/packages.ts'

test('only exec, the start in namespaces, extcap’s installation, record, labs, explorations, the course, the front and a build start a program', () => {
  const root = new URL('../../../', import.meta.url).pathname
  const sources = ['src', ...sourcesOfPackages()]
    .flatMap(folder =>
      readdirSync(join(root, folder), { recursive: true }).map(name => `${folder}/${name}`),
    )
    .filter(path => path.endsWith('.ts'))
  expect(sources.length).toBeGreaterThan(50)
  const starting = /child_process|node:cluster|\bexecve?p?\b\(|\bposix_spawn|'system'|'popen'/
  expect(
    sources.filter(path => starting.test(readFileSync(join(root, path), 'utf8'))).sort(),
  ).toEqual([
    'packages/exec/src/commands/exec.ts',
    'packages/guest/src/image/add-programs.ts',
    'packages/guest/src/image/index.ts',
    'packages/guest/src/image/scripts.ts',
    'packages/guest/src/kernel.ts',
    'packages/guest/src/machine.ts',
    'packages/guest/src/modules.ts',
    'packages/guest/src/run.ts',
    'packages/lab/src/explore/runners.ts',
    // Types only, except for versions.ts, which asks the clients of a finding for their versions.
    'packages/lab/src/hunt/client-run.ts',
    'packages/lab/src/hunt/plain.ts',
    'packages/lab/src/hunt/versions.ts',
    'packages/lab/src/hunt/warm.ts',
    // Types only.
    'packages/lab/src/kernel/host-clock.ts',
    'packages/lab/src/kernel/host-init.ts',
    'packages/lab/src/kernel/programs.ts',
    'packages/lab/src/network/host.ts',
    'packages/lab/src/run/run-command.ts',
    'packages/lab/src/toxiproxy/lab-process.ts',
    // Types only.
    'packages/lab/src/world/host-stack.ts',
    // Words of a comment.
    'packages/lab/src/world/node-programs.ts',
    'packages/learn/src/commands/check-kernel.ts',
    'packages/learn/src/kernel/build.ts',
    'packages/learn/src/kernel/guest.ts',
    'packages/learn/src/kernel/live.ts',
    'packages/learn/src/live.ts',
    'packages/learn/src/worker.ts',
    'src/cli/commands/doctor.ts',
    'src/cli/commands/extcap-install.ts',
    'src/cli/commands/record.ts',
    'src/cli/commands/rootless.ts',
    'src/control/server/front.ts',
    'src/linux/native.ts',
    'src/linux/rootless.ts',
    'src/linux/way-out.ts',
  ])
  const used = sources.filter(path => /native\.exec\(/.test(readFileSync(join(root, path), 'utf8')))
  expect(used).toEqual(['src/linux/rootless.ts'])
})
