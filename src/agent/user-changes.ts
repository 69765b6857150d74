/** UserChanges: the changes of users, with which the next attachment of an owner continues. */
import type { AttachRequest } from './attach-request.ts'
import { type Change, isEmpty } from './changes.ts'
import type { Kept, Place, Remembered } from './state-file.ts'

/** The start of the keys of attachments without an owner. */
const BY_HAND = 'place '

/** Returns the key of an attachment's changes: its owner, or its place without one. */
export function keyOf(
  { owner }: Pick<AttachRequest, 'owner'>,
  { inode, cookie, ifindex }: Place,
): string {
  return owner ?? `${BY_HAND}${inode} ${cookie} ${ifindex}`
}

/** Users' changes, by keyOf(). Those of an owner remain while it has no attachment. */
export class UserChanges {
  readonly #all = new Map<string, Change>()

  of(key: string): Change | undefined {
    return this.#all.get(key)
  }

  /** Replaces the changes of a key. Empty ones are forgotten. */
  set(key: string, change: Change): void {
    if (isEmpty(change)) {
      this.#all.delete(key)
    } else {
      this.#all.set(key, change)
    }
  }

  delete(key: string): void {
    this.#all.delete(key)
  }

  /** Forgets the changes of owners that satisfy `isOwner`. Returns whether there were some. */
  forget(isOwner: (owner: string) => boolean): boolean {
    const owners = [...this.#all.keys()].filter(key => !key.startsWith(BY_HAND) && isOwner(key))
    for (const owner of owners) {
      this.#all.delete(owner)
    }
    return owners.length > 0
  }

  /** Returns attachments with their changes, and the changes of owners without an attachment. */
  withAttachments(attachments: readonly Kept[]): {
    kept: readonly Kept[]
    remembered: readonly Remembered[]
  } {
    const rest = new Map(this.#all)
    const kept = attachments.map(each => {
      const key = keyOf(each.request, each)
      const change = rest.get(key)
      rest.delete(key)
      return { ...each, change }
    })
    const remembered = [...rest]
      .filter(([key]) => !key.startsWith(BY_HAND))
      .map(([owner, change]): Remembered => ({ owner, change }))
    return { kept, remembered }
  }
}
