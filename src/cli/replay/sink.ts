/** FrameSink: takes the frames of a replay, in order. */
export interface FrameSink extends AsyncDisposable {
  /** The MTU of the interface when the replay started. */
  readonly mtu: number
  /**
   * Takes a copy of a whole frame. Returns false if it does not fit: wait for `room`, and offer it
   * again. The sink's ReplayCounts count the fate of each frame, possibly later. Throws a VnetError
   * if the interface is down or deleted.
   */
  offer(bytes: Uint8Array, at: number, length: number): boolean
  /** Settles when there may be room. Rejects as `offer` throws. */
  room(): Promise<void>
  /** Immediately sends frames that wait for more. */
  flush(): void
  /** Settles when everything that was taken is counted. */
  drained(): Promise<void>
}
