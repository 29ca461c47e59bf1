import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "./page.mjs";

openPage("en");
const { splitText } = await import("../../static-site/scripts/lib/translate.js");
const { text } = await import("../../static-site/scripts/lib/text.js");

test("text without markup is one part", () => {
  assert.deepEqual(splitText("Submit"), ["Submit"]);
  assert.deepEqual(splitText(""), []);
});

test("child elements are kept or get another text", () => {
  assert.deepEqual(splitText("Signed in as <0/>; is that not you?"), [
    "Signed in as ",
    { child: 0, text: undefined },
    "; is that not you?",
  ]);
  assert.deepEqual(splitText("the <1>search</1> or <0>link</0>."), [
    "the ",
    { child: 1, text: "search" },
    " or ",
    { child: 0, text: "link" },
    ".",
  ]);
});

test("nested references stay in the text of their parent", () => {
  assert.deepEqual(splitText(text("site.help")), [
    "Need help? ",
    { child: 0, text: undefined },
    { child: 1, text: ": <0/>" },
  ]);
});
