"""Families that the program was not built with."""
import json
import shutil
import tempfile
import unittest
from pathlib import Path

from cli import MODEL, PROMPT, ROOT, greedy, synapse


class Families(unittest.TestCase):
    """The bundled model under an architecture that nobody knows."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.model = self.folder / "zebra.gguf"
        self.model.write_bytes(Path(MODEL).read_bytes().replace(b"qwen3", b"zebra"))
        self.wiring = json.loads((ROOT / "models/qwen3/model.json").read_text())
        self.wiring["architectures"] = ["zebra"]

    def family(self, name, wiring):
        folder = self.folder / "families" / name
        folder.mkdir(parents=True)
        (folder / "model.json").write_text(json.dumps(wiring))
        return folder

    def text(self, *args, env=None):
        return synapse("run", "-m", str(self.model), "-p", PROMPT, "--temp", "0", "-n", "8", *args, env=env)

    def test_an_unknown_architecture_is_named_with_the_known_ones_and_the_way_to_add_it(self):
        refused = self.text()
        self.assertEqual(refused.returncode, 1)
        message = refused.stderr.decode()
        for part in ('"zebra"', "llama", "gemma3", "docs/add-a-model.md"):
            self.assertIn(part, message)

    def test_a_family_of_a_folder_runs_without_a_rebuild(self):
        folder = self.family("zebra", self.wiring)
        wanted = greedy("-n", "8").stdout
        self.assertTrue(wanted)
        self.assertEqual(self.text("--family-dir", str(folder)).stdout, wanted)
        self.assertEqual(self.text("--family-dir", str(folder.parent)).stdout, wanted)
        empty = self.folder / "more"
        shutil.copytree(folder, empty / "other")
        self.assertEqual(self.text(env={"SYNAPSE_FAMILIES": f"{empty}:{folder}"}).stdout, wanted)
        shown = json.loads(synapse("show", "-m", str(self.model), "--json", "--family-dir", str(folder)).stdout)
        self.assertEqual(shown["model"]["family"], "zebra")

    def test_a_family_goes_before_the_one_that_is_built_in(self):
        self.wiring["architectures"] = ["qwen3"]
        del self.wiring["layer"][0]["qk_norm"]
        folder = self.family("qwen3", self.wiring)
        refused = synapse("show", "-m", MODEL, "--family-dir", str(folder))
        self.assertIn(b"blk.0.attn_q_norm.weight: qwen3 has no use for it", refused.stdout)

    def test_what_is_wrong_with_a_family_is_named_with_its_file(self):
        self.wiring["layer"][0]["when"] = "thursday"
        refused = self.text("--family-dir", str(self.family("zebra", self.wiring)))
        self.assertEqual(refused.returncode, 1)
        self.assertIn(b'"when" is "thursday", wanted one of: sliding full', refused.stderr)
        refused = self.text("--family-dir", str(self.folder / "nowhere"))
        self.assertIn(b"nowhere: no folder of families", refused.stderr)


if __name__ == "__main__":
    unittest.main()
