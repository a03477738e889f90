import { reason } from "./text";

/** A task of which, while it runs, only the latest request counts. */
export class Latest {
  /** Whether the task runs, or is still to be run. */
  busy = false;
  private wanted = false;

  constructor(
    private readonly task: () => Promise<void>,
    private readonly failed: (reason: string) => void,
  ) {}

  /** Run the task, at once or when the present run is done. */
  async request(): Promise<void> {
    this.wanted = true;
    if (this.busy) return;
    this.busy = true;
    try {
      while (this.wanted) {
        this.wanted = false;
        await this.task();
      }
    } catch (error) {
      this.failed(reason(error));
    } finally {
      this.busy = false;
    }
  }
}
