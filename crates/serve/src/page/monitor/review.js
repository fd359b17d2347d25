// What somebody says of an episode.
import { words } from "/page/answer.js";
import { element, setText } from "/page/element.js";
import { Refused, ask } from "/page/request.js";

const OTHER_MODEL = "The model has changed, and other reasons can be chosen now. Load this page again.";

const VERDICTS = { cry: "a cry", not_a_cry: "not a cry" };

export const inWords = ({ verdict, label }) => [VERDICTS[verdict], label && words(label)].filter(Boolean).join(", ");

export class ReviewForm {
  #reason;
  #legend = element("legend");

  // Calls `attempt` with a button and what it does, and `saved` with the reviewed episode.
  constructor(id, labels, attempt, saved) {
    const reasons = labels.map((label) => element("option", words(label), { value: label }));
    this.#reason = element("select", "", { id: `reason-${id}` }, element("option", "unknown", { value: "" }), ...reasons);
    const button = (text, review) => {
      const made = element("button", text, { type: "button" });
      const send = async () => saved(await ask(`/v1/episodes/${id}/review`, post(review())).catch(explain));
      made.addEventListener("click", () => attempt(made, send));
      return made;
    };
    const cry = button("It was a cry", () => ({ verdict: "cry", label: this.#reason.value || null }));
    const notACry = button("Not a cry", () => ({ verdict: "not_a_cry", label: null }));
    const field = element("p", "", {}, element("label", "Reason, if you know", { for: this.#reason.id }), " ", this.#reason);
    this.root = element("fieldset", "", {}, this.#legend, field, element("p", "", { class: "buttons" }, cry, notACry));
  }

  show(review) {
    setText(this.#legend, review ? `You said: ${inWords(review)}. You can change that.` : "What was it?");
    if (review) this.#reason.value = review.label ?? "";
  }
}

function explain(error) {
  throw error.status === 422 ? new Refused(OTHER_MODEL, 422) : error;
}

const post = (body) => ({ method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
