/** Attachments that end early: while they are made, without their interface, without a module. */
import { beforeEach, expect, test } from 'vitest'
import { TcxRedirect } from '#src/attach/tcx.ts'
import { ENOENT, VnetError } from '#src/base/errno.ts'
import { loadNative } from '#src/linux/native.ts'
import { addClsact, type RouteSocket } from '#src/linux/rtnetlink.ts'
import { bpfDescriptors, endsOf, makeEnds, programsOf } from '#support/attach.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'

const { near, far } = freshQuietNamespaces('near', 'far')

const native = loadNative()

beforeEach(() => makeEnds(near, far))

test('frames pass directly as soon as close() has been called', async () => {
  const redirect = new TcxRedirect(native)
  await redirect.attach(endsOf(near), 1)
  redirect.aliveUntil(native.monotonic() + 3600e9)
  expect((await far.run('ping -q -c 1 -W 0.2 192.0.2.1')).status).not.toBe(0)
  const closing = redirect.close()
  near.exec('ping -q -c 1 192.0.2.2')
  await closing
})

test('a close while links are made leaves nothing attached', async () => {
  const redirect = new TcxRedirect(native)
  const attaching = redirect.attach(endsOf(near), 1)
  await redirect.close()
  await attaching
  expect([programsOf(near), bpfDescriptors()]).toEqual([[0, 0], 0])
})

test('attach rejects for a deleted interface, and close() leaves no descriptor', async () => {
  const redirect = new TcxRedirect(native)
  await expect(redirect.attach({ ...endsOf(near), ifindex: 1 << 30 }, 1)).rejects.toThrow(
    'BPF_LINK_CREATE eBPF: ENODEV',
  )
  await redirect.close()
  expect(bpfDescriptors()).toBe(0)
})

test('a kernel without clsact is reported with the module to load', async () => {
  const requestAside = () => Promise.reject(new VnetError(ENOENT, 'clsact on tapa'))
  const added = addClsact({ requestAside } as unknown as RouteSocket, 1)
  await expect(added).rejects.toThrow(/^clsact on tapa: ENOENT.* modprobe sch_ingress/)
})
