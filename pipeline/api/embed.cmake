# cmake -DINPUT=page.html -DOUTPUT=page.cc -DFUNCTION=page_html -P embed.cmake
# Turns a file into a function that returns its bytes.
file(READ "${INPUT}" hex HEX)
string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${hex}")
file(WRITE "${OUTPUT}" "#include \"pipeline/api/answers.h\"

namespace vigie {
namespace {

constexpr char kBytes[] = {
${bytes}
};

}  // namespace

std::string_view ${FUNCTION}() {
  return {kBytes, sizeof(kBytes)};
}

}  // namespace vigie
")
