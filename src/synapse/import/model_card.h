// The YAML front matter of a model card (README.md): whose model it is and under which terms. Understood are
// `key: text`, `key: [a, b]` and `key:` with `- text` lines below; anything else is passed over.
#pragma once
#include "synapse/import/metadata.h"

namespace synapse {

// license, license_name, license_link, author, language, tags and base_model become general.*. A card without
// front matter, or one of more than 256 KiB, says nothing.
void read_model_card(std::string_view card, Metadata& out);

}  // namespace synapse
