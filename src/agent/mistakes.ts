/** The containers and pods that have no wire, or not the wanted one, because of a mistake. */
import type { DeviceOwner, MistakeList } from '../control/operations/subject.ts'
import { isThere, type PodNetns } from './pod-netns.ts'

/** A pod, as its runtime names it. */
export type Pod = Pick<DeviceOwner, 'pod' | 'namespace'> & { readonly uid?: string | undefined }

/**
 * Why a container or pod has no wire, or not the wanted one. It is shown until its owner ends or
 * the mistake is corrected.
 */
export interface Mistake {
  /** `container web`, `pod shop/web-7f` or another name for people. */
  readonly who: string
  readonly why: string
  /** The pod; undefined for a container. */
  readonly pod?: Pod | undefined
  /** True if a later daemon does not find it by itself. */
  readonly lasts?: true | undefined
  /** The mistake ends with it. Without one, it ends when it is forgotten. */
  readonly netns?: PodNetns | undefined
  /** The interface that has no wire: the mistake ends when one is attached there. */
  readonly ifindex?: number | undefined
}

export class Mistakes {
  readonly #all = new Map<string, Mistake>()
  readonly #onNew: (mistake: Mistake) => void
  #count = 0

  /** `onNew` is called with each mistake that is added, once. */
  constructor(onNew: (mistake: Mistake) => void) {
    this.#onNew = onNew
  }

  /** Adds the mistake of an owner, which is shown until it is forgotten or its namespace ends. */
  add(owner: string, mistake: Mistake): void {
    if (this.restore(owner, mistake)) {
      this.#onNew(mistake)
    }
  }

  /** Adds a mistake that an earlier daemon has reported. Returns false if it is known already. */
  restore(owner: string, mistake: Mistake): boolean {
    const known = this.#all.get(owner)
    // A restarted container has the same mistake in another namespace, at another interface.
    this.#all.set(owner, mistake)
    if (known?.why === mistake.why && isThere(known.netns)) return false
    this.#count++
    return true
  }

  /** Removes the mistakes of owners that satisfy `isOwner`. Returns whether there were some. */
  forget(isOwner: (owner: string, mistake: Mistake) => boolean): boolean {
    const gone = [...this.#all].filter(([owner, mistake]) => isOwner(owner, mistake))
    for (const [owner] of gone) {
      this.#all.delete(owner)
    }
    return gone.length > 0
  }

  /** Returns the mistakes that a later daemon does not find by itself. */
  lasting(): { owner: string; mistake: Mistake }[] {
    return [...this.#all]
      .filter(([, { lasts }]) => lasts)
      .map(([owner, mistake]) => ({ owner, mistake }))
  }

  list(): MistakeList {
    this.forget((_, { netns }) => !isThere(netns))
    return {
      count: this.#count,
      present: [...this.#all.values()].map(({ who, why }) => ({ who, why })),
    }
  }
}
