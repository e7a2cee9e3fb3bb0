/** A session as far as memory is concerned. */
export interface SessionShare {
  /** Bytes of its model, once it was loaded. */
  bytes: number
  /** Runs that are under way or wait for it. */
  users: number
}

/** The loaded sessions. Together they stay below a limit, unless those in use do not. */
export class SessionMemory<Share extends SessionShare> {
  readonly #limit: number
  /** The one that was used last comes last. */
  readonly #loaded = new Set<Share>()

  /** @param limit Bytes of all models together. Loaded, a model takes some times the bytes of its file. */
  constructor(limit: number) {
    this.#limit = limit
  }

  use(share: Share): void {
    this.#loaded.delete(share)
    this.#loaded.add(share)
  }

  /** Adds a session, and gives up those that were not used for longest. */
  add(share: Share): Share[] {
    this.use(share)
    let total = 0
    for (const { bytes } of this.#loaded) total += bytes
    const surplus: Share[] = []
    for (const each of this.#loaded) {
      if (total <= this.#limit) break
      if (each === share || each.users > 0) continue
      total -= each.bytes
      surplus.push(each)
      this.#loaded.delete(each)
    }
    return surplus
  }

  delete(share: Share): boolean {
    return this.#loaded.delete(share)
  }

  /** Gives up all. */
  clear(): Share[] {
    const all = [...this.#loaded]
    this.#loaded.clear()
    return all
  }
}
