/** FrameSink: takes the frames of a replay, in order. */
export interface FrameSink extends AsyncDisposable {
  /** The MTU of the interface when the replay began. */
  readonly mtu: number
  /**
   * Takes a copy of a whole frame. Returns false if there is no room: wait for `room`, and offer it
   * again. What became of the frames is counted in the ReplayCounts of the sink, maybe later.
   * Throws a VnetError if the interface is down or gone.
   */
  offer(bytes: Uint8Array, at: number, length: number): boolean
  /** Settles when there may be room. Rejects as `offer` throws. */
  room(): Promise<void>
  /** Sends at once what waits for more. */
  flush(): void
  /** Settles when everything that was taken is counted. */
  drained(): Promise<void>
}
