/**
 * What users change on attachments while they run: wires, the filter, a cut cable, a detach. The
 * next attachment of the same owner continues with it, whatever its interface is called.
 */

import type { DeviceChange } from '../control/operations/subject.ts'
import { attached, type WireAttachment } from '../control/protocol/attachment.ts'
import type { DeviceWire, WireResources } from '../netdev/device-wire.ts'
import { cutCable, type NetDevice } from '../netdev/index.ts'
import { isPodNetns, type PodNetns } from './pod-netns.ts'

/** A text of a user, with the contents of its files and its filters' programs in base64. */
interface KeptText {
  readonly text: string
  readonly attachments: readonly (Omit<WireAttachment, 'bytes'> & { readonly base64: string })[]
}

/**
 * The changes of users for one owner, all together: a later change of a field replaces the earlier
 * one. It is kept in the daemon's file as JSON. An absent field was not changed.
 */
export interface Change {
  readonly ab?: KeptText | undefined
  readonly ba?: KeptText | undefined
  readonly only?: KeptText | undefined
  readonly cut?: boolean | undefined
  /** A user detached it: only a user attaches again. */
  readonly detached?: true | undefined
  /** The namespace of the pod: the change ends with it. */
  readonly netns?: PodNetns | undefined
}

/** Returns `before` with a later change. */
export function withChange(before: Change | undefined, change: DeviceChange): Change {
  if ('cut' in change) return { ...before, cut: change.cut || undefined }
  const { text, attachments } = change
  const kept: KeptText = {
    text,
    attachments: attachments.map(({ bytes, ...rest }) => ({
      ...rest,
      base64: Buffer.from(bytes).toString('base64'),
    })),
  }
  return { ...before, ...Object.fromEntries(change.parts.map(part => [part, kept])) }
}

/** Returns `before` without what a scenario has changed since. */
export function stillInForce(
  before: Change,
  { cut, wires }: Pick<NetDevice, 'cut' | 'wires'>,
): Change {
  const isInForce = ({ direction, text }: DeviceWire) => (before[direction]?.text ?? text) === text
  const gone = wires.filter(wire => !isInForce(wire)).map(({ direction }) => [direction, undefined])
  return { ...before, ...Object.fromEntries(gone), ...(!cut && { cut: undefined }) }
}

export const isEmpty = ({ netns: _, ...change }: Change): boolean =>
  Object.values(change).every(value => value === undefined)

/** Changes the wires and the cable of a device that is not up yet. Throws a UsageError. */
export function applyChange(change: Change, dev: NetDevice): void {
  for (const wire of dev.wires) {
    const kept = change[wire.direction]
    if (kept !== undefined) {
      wire.change(kept.text, attachedTo(kept))
    }
  }
  if (change.cut) {
    cutCable(dev)
  }
}

/** Returns `resources` with the filter that a user chose for the attachment. */
export function filterResources({ only }: Change, resources: WireResources): WireResources {
  if (only === undefined) return resources
  const kept = attachedTo(only)
  return {
    filter: text => (text === only.text ? kept.filter(text) : resources.filter(text)),
    file: path => resources.file(path),
    scenario: (path, parse) => resources.scenario?.(path, parse) ?? { steps: [] },
  }
}

function attachedTo({ attachments }: KeptText): WireResources {
  return attached(
    attachments.map(({ base64, ...rest }) => ({ ...rest, bytes: Buffer.from(base64, 'base64') })),
  )
}

/** Checks a change of a state file. */
export function isChange(value: unknown): value is Change {
  const { ab, ba, only, cut = false, detached = true, netns } = (value ?? {}) as Change
  const areTexts = [ab, ba, only].every(each => each === undefined || isKeptText(each))
  const areFlags = typeof cut === 'boolean' && detached === true
  return typeof value === 'object' && value !== null && areTexts && areFlags && isPodNetns(netns)
}

function isKeptText({ text, attachments }: KeptText): boolean {
  return (
    typeof text === 'string' &&
    Array.isArray(attachments) &&
    attachments.every(each => typeof each?.base64 === 'string')
  )
}
