# vigie_rocksdb: RocksDB, as the store links it.
#
# Debian builds its library with assertions, some of which compare keys at every step through a
# memtable. The sanitizers' builds link that one. Where VIGIE_ROCKSDB_FROM_SOURCE is on, the same
# version is built without them, from Debian's source package; headers are Debian's in both.
option(VIGIE_ROCKSDB_FROM_SOURCE "Build RocksDB without assertions; needs Debian's mirror once" OFF)
set(rocksdb_version 7.8.3)
set(rocksdb_debian_version ${rocksdb_version}-2)

add_library(vigie_rocksdb INTERFACE)
if(NOT VIGIE_ROCKSDB_FROM_SOURCE)
  target_link_libraries(vigie_rocksdb INTERFACE RocksDB::rocksdb)
  return()
endif()

if(NOT RocksDB_VERSION VERSION_EQUAL rocksdb_version)
  message(FATAL_ERROR "the headers are of RocksDB ${RocksDB_VERSION}, the source would be of ${rocksdb_version}: "
    "change rocksdb.cmake, or configure with -DVIGIE_ROCKSDB_FROM_SOURCE=OFF")
endif()

include(ExternalProject)
include(ProcessorCount)
ProcessorCount(rocksdb_jobs)
set(rocksdb_root ${PROJECT_BINARY_DIR}/rocksdb)
set(rocksdb_library ${rocksdb_root}/build/librocksdb.a)
# Checksums are by SSE 4.2 where the processor has it: only that source is compiled for it. Many
# sources at once take a third of the time.
set(rocksdb_options -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE=-O2\ -g1\ -DNDEBUG
  -DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER} -DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=12
  -DUSE_RTTI=ON -DPORTABLE=ON -DFAIL_ON_WARNINGS=OFF -DROCKSDB_BUILD_SHARED=OFF -DWITH_LZ4=ON -DWITH_ZSTD=ON
  -DWITH_GFLAGS=OFF -DWITH_LIBURING=OFF -DWITH_TESTS=OFF -DWITH_TOOLS=OFF -DWITH_CORE_TOOLS=OFF
  -DWITH_BENCHMARK_TOOLS=OFF -DWITH_TRACE_TOOLS=OFF)
if(CMAKE_SYSTEM_PROCESSOR STREQUAL x86_64)
  list(APPEND rocksdb_options -DHAVE_SSE42=ON "-DCMAKE_CXX_FLAGS=-w -DHAVE_SSE42 -DHAVE_PCLMUL")
endif()
ExternalProject_Add(rocksdb_source
  PREFIX ${rocksdb_root}
  STAMP_DIR ${rocksdb_root}/stamp
  SOURCE_DIR ${rocksdb_root}/source
  BINARY_DIR ${rocksdb_root}/build
  DOWNLOAD_COMMAND ${CMAKE_COMMAND} -E rm -rf ${rocksdb_root}/source
  COMMAND ${PROJECT_SOURCE_DIR}/deploy/fetch_source.sh rocksdb ${rocksdb_debian_version} librocksdb-dev
    ${rocksdb_root}/source
  CMAKE_GENERATOR Ninja
  CMAKE_ARGS ${rocksdb_options}
  BUILD_COMMAND ${CMAKE_COMMAND} --build ${rocksdb_root}/build --target rocksdb -j ${rocksdb_jobs}
  BUILD_BYPRODUCTS ${rocksdb_library}
  INSTALL_COMMAND "")
add_dependencies(vigie_rocksdb rocksdb_source)
find_library(LZ4_LIBRARY lz4 REQUIRED)
find_library(ZSTD_LIBRARY zstd REQUIRED)
target_link_libraries(vigie_rocksdb INTERFACE ${rocksdb_library} ${LZ4_LIBRARY} ${ZSTD_LIBRARY} Threads::Threads
  ${CMAKE_DL_LIBS})
