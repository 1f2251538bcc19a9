# The static libcurl that tools/package-libraries builds. There are two: a program that has the
# property LAMBDA_TLS is linked with the one that can do HTTPS, which brings OpenSSL with it; any
# other with the small one. They differ in nothing that is in a header.
find_package(OpenSSL REQUIRED)
if(NOT TARGET CURL::libcurl)
  foreach(variant curl curl-tls)
    add_library(lambda_${variant} STATIC IMPORTED GLOBAL)
    set_target_properties(
      lambda_${variant}
      PROPERTIES IMPORTED_LOCATION ${LAMBDA_ROOT}/${variant}/lib/libcurl.a
                 INTERFACE_INCLUDE_DIRECTORIES ${LAMBDA_ROOT}/curl/include
                 INTERFACE_COMPILE_DEFINITIONS CURL_STATICLIB)
  endforeach()
  target_link_libraries(lambda_curl-tls INTERFACE OpenSSL::SSL OpenSSL::Crypto)
  add_library(CURL::libcurl INTERFACE IMPORTED GLOBAL)
  set_property(TARGET CURL::libcurl PROPERTY INTERFACE_LINK_LIBRARIES
    "$<IF:$<BOOL:$<TARGET_PROPERTY:LAMBDA_TLS>>,lambda_curl-tls,lambda_curl>")
endif()
set(CURL_FOUND TRUE)
