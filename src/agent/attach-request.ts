/** AttachRequest: what is attached, and where. */
import type { DeviceOwner } from '../control/operations/subject.ts'
import type { PodNetns } from './pod-netns.ts'
import type { Spec } from './spec.ts'

/**
 * A request to attach to an interface with a wire: from a client of the daemon, a label, an
 * annotation or CNI. It is kept in the daemon's file, so each field must survive JSON.
 */
export interface AttachRequest extends Spec {
  readonly name: string
  /** The inode of the interface's namespace; undefined is our own. */
  readonly inode?: number | undefined
  /** True if the other side of the interface receives `in`. */
  readonly farSide?: boolean | undefined
  /** Nanoseconds; the driver's default if undefined. */
  readonly failOpen?: number | undefined
  /** Its owner: `cni NETWORK CONTAINER IF`, `docker ID IF`; undefined for a request by hand. */
  readonly owner?: string | undefined
  readonly names?: DeviceOwner | undefined
  /** The namespace of a pod: its runtime may not report its end. */
  readonly podNetns?: PodNetns | undefined
  /** True if it was attached by hand to all interfaces of a container. */
  readonly isOfAll?: true | undefined
  /** True if its frames should have passed the wire since the interface was made. */
  readonly fromStart?: true | undefined
}
